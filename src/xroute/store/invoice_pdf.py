"""An invoice as a PDF."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from xroute.errors import InvalidRequest
from xroute.money.nano import as_text
from xroute.store.invoices import REFUNDS, TURN, WORDS, Invoice

if TYPE_CHECKING:
    from fpdf import FPDF

WIDTHS: Final = (92, 18, 24, 24, 32)  # millimetres
SHORT: Final = 60  # characters of a description in a line


def as_pdf(invoice: Invoice) -> bytes:
    """A4 pages. InvalidRequest where the library is not installed.

    Its own fonts have Western letters alone; others are printed as question marks.
    """
    try:
        from fpdf import FPDF  # 0.3 s, and an extra
    except ImportError:
        raise InvalidRequest(
            "PDF needs an extra that is not installed here: pip install 'xroute[invoice]'. "
            "format=csv has the same figures.",
            param="format",
            code="pdf_unavailable",
        ) from None
    pdf = FPDF()
    pdf.set_title(f"Invoice {invoice.number}")
    pdf.set_creator("xroute")
    pdf.set_auto_page_break(True, margin=20)
    pdf.add_page()
    _head(pdf, invoice)
    _money(pdf, invoice)
    _usage(pdf, invoice)
    _foot(pdf, invoice)
    return bytes(pdf.output())


def _head(pdf: "FPDF", invoice: Invoice) -> None:
    pdf.set_font("Helvetica", "B", 18)
    pdf.cell(0, 12, "Invoice", new_x="LMARGIN", new_y="NEXT")
    pdf.set_font("Helvetica", "", 10)
    state = "" if invoice.is_final else " (so far: the month is not over)"
    last = invoice.until.toordinal() - 1
    days = f"{invoice.since} to {type(invoice.since).fromordinal(last)}, days in UTC{state}"
    for text in (
        f"Number: {invoice.number}",
        f"For: {invoice.name}",
        f"Month: {days}",
        "Amounts in US dollars",
    ):
        pdf.cell(0, 6, _latin(text), new_x="LMARGIN", new_y="NEXT")
    pdf.ln(4)


def _money(pdf: "FPDF", invoice: Invoice) -> None:
    rows = [("Opening balance", "", invoice.opening_nano)]
    for each in invoice.movements:
        day = _day_of(each.at)
        rows.append((f"{WORDS.get(each.kind, each.kind)}: {each.note}".removesuffix(": "), day, each.nano))
    if invoice.refunds_nano:
        rows.append((REFUNDS, "", invoice.refunds_nano))
    rows.append(("Usage", "", -invoice.usage_nano))
    rows.append(("Closing balance", "", invoice.closing_nano))
    with _table(pdf, (130, 24, 36)) as table:
        _row(table, "Balance", "Date", "Amount")
        for text, day, nano in rows:
            _row(table, text[:SHORT], day, _amount(nano))
    pdf.ln(6)


def _usage(pdf: "FPDF", invoice: Invoice) -> None:
    with _table(pdf, WIDTHS) as table:
        _row(table, "Usage by project and model", "Calls", "Tokens in", "Tokens out", "Amount")
        for use in invoice.uses:
            text = f"{use.project or 'no project'}: {use.model or 'no model'}"
            figures = (f"{figure:,}" for figure in (use.calls, use.tokens_in, use.tokens_out))
            _row(table, text[:SHORT], *figures, _amount(use.nano))
        if invoice.turn_nano:
            _row(table, TURN, "", "", "", _amount(invoice.turn_nano))
        _row(table, "Total", "", "", "", _amount(invoice.usage_nano))


def _foot(pdf: "FPDF", invoice: Invoice) -> None:
    pdf.ln(4)
    pdf.set_font("Helvetica", "", 8)
    pdf.multi_cell(
        0,
        4,
        "Amounts include the mark-up of the workspace. The balance is what was put in and is not spent, "
        "money held for calls under way included.",
    )


def _table(pdf: "FPDF", widths: tuple[int, ...]) -> Any:
    pdf.set_font("Helvetica", "", 9)
    aligned = ("LEFT", *("RIGHT",) * (len(widths) - 1))
    return pdf.table(
        col_widths=widths, text_align=aligned, borders_layout="HORIZONTAL_LINES", line_height=6, width=190
    )


def _row(table: Any, *cells: str) -> None:
    row = table.row()
    for cell in cells:
        row.cell(_latin(cell))


def _amount(nano: int) -> str:
    """Exact dollars, with cents at least."""
    whole, _, part = as_text(nano).partition(".")
    return f"{whole}.{part.ljust(2, '0')}"


def _latin(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


def _day_of(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).date().isoformat()
