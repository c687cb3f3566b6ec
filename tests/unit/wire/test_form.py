"""Forms: whatever is written is read again, and what is wrong is told."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xroute.errors import InvalidRequest
from xroute.wire import form
from xroute.wire.form import Field, File

BOUNDARY_CHARACTERS = "0123456789ABCxyz'()+_,-./:=? "
boundaries = st.text(BOUNDARY_CHARACTERS, min_size=1, max_size=70).filter(lambda text: text[-1] != " ")
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(
    lambda text: not re.search(r"%(22|0[AD])", text, re.I)
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
# Bytes that come near a boundary as often as not.
contents = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from([b"\r\n--", b"\r\n", b"--", b"\r", b"-", b"\n--b", b"\r\n--bx"]),
    )
).map(b"".join)
kinds = st.sampled_from(["", "audio/wav", "image/png"])
files = st.builds(File, names, kinds, contents.map(memoryview), st.just(""))
fields = st.lists(st.builds(Field, names, st.one_of(texts, files)), max_size=6)


def plain(found):
    """The parts without what hangs on the buffer they were read from."""
    return [
        (name, value if isinstance(value, str) else (value.filename, bytes(value.data)))
        for name, value in found
    ]


def body(*parts: bytes, boundary: bytes = b"b", end: bytes = b"--b--\r\n") -> bytearray:
    return bytearray(b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + end)


def part(disposition: str, content: bytes = b"x", *headers: str) -> bytes:
    lines = [f"Content-Disposition: {disposition}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


TYPE = "multipart/form-data; boundary=b"


@given(fields)
def test_what_is_written_is_read_again(given):
    pieces, media = form.write(given)
    assert plain(form.read(bytearray(b"".join(pieces)), media)) == plain(given)


@given(boundaries, st.lists(contents, min_size=1, max_size=4), st.binary(max_size=9), st.booleans())
def test_any_boundary_is_found_and_nothing_else_is(boundary, given, preamble, closes):
    mark = boundary.encode()
    if any(mark in content for content in given) or mark in preamble:
        return
    raw = preamble + b"\r\n" if preamble else b""
    for content in given:
        raw += b"--%b \t\r\n" % mark + part('form-data; name="f"; filename="a"', content) + b"\r\n"
    raw += b"--%b--" % mark + (b"\r\nepilogue" if closes else b"")
    found = form.read(bytearray(raw), f'multipart/form-data; boundary="{boundary}"')
    assert [bytes(field.value.data) for field in found] == given
    pieces, media = form.write(found)
    assert form.parameters(media)["boundary"] == boundary  # known to be free of it
    assert [bytes(field.value.data) for field in form.read(bytearray(b"".join(pieces)), media)] == given


@given(st.binary(max_size=200), st.sampled_from(["b", "--", "xx"]))
def test_no_bytes_are_more_than_wrong(raw, boundary):
    for data in (raw, b"--" + boundary.encode() + b"\r\n" + raw):
        try:
            form.read(bytearray(data), f"multipart/form-data; boundary={boundary}")
        except InvalidRequest as error:
            assert error.code == "invalid_form"


@given(fields.filter(bool), st.data())
def test_a_form_that_is_cut_off_is_never_taken_for_whole(given, data):
    pieces, media = form.write(given)
    raw = b"".join(pieces)
    end = raw.rindex(b"--")
    cut = data.draw(st.integers(0, end))
    with pytest.raises(InvalidRequest):
        form.read(bytearray(raw[:cut]), media)


def test_a_file_is_a_view_of_the_request():
    raw = body(part('form-data; name="file"; filename="a.wav"', b"RIFF", "Content-Type: audio/wav"))
    (found,) = form.read(raw, TYPE)
    assert found.value.data.obj is raw
    assert (found.name, found.value.filename, found.value.media) == ("file", "a.wav", "audio/wav")
    pieces, _ = form.write([found])
    assert pieces[1] is found.value.data


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ('form-data; name="f"; filename="a b.wav"', "a b.wav"),
        ("form-data; name=f; filename=a.wav", "a.wav"),
        ('form-data; name="f"; filename="a%22b%0D%0A.wav"', 'a"b\r\n.wav'),
        (r'form-data; name="f"; filename="a\"b.wav"', 'a"b.wav'),
        ('form-data; name="f"; filename="söng.wav"', "söng.wav"),
        ('form-data; name="f"; filename="x"; filename*=UTF-8\'\'s%C3%B6ng.wav', "söng.wav"),
        ("form-data; name=\"f\"; filename*=iso-8859-1'en'%A3.wav", "£.wav"),
        ('form-data; name="f"; filename="x.wav"; filename*=utf-8\'\'%FF', "x.wav"),
        ('form-data; name="f"; filename=""', ""),
        ('FORM-DATA;Name="f" ; FileName = "a;b=c.wav"', "a;b=c.wav"),
    ],
)
def test_a_filename_is_read_however_it_is_written(given, read):
    (found,) = form.read(body(part(given)), TYPE)
    assert found.value.filename == read


@pytest.mark.parametrize(
    ("raw", "media", "told"),
    [
        (body(part('form-data; name="f"')), "multipart/form-data", "names no boundary"),
        (
            body(part('form-data; name="f"')),
            "multipart/form-data; boundary=" + "x" * 71,
            "boundary of characters",
        ),
        (body(part('form-data; name="f"')), 'multipart/form-data; boundary="é"', "boundary of characters"),
        (bytearray(), TYPE, "holds no boundary"),
        (bytearray(b"--bx\r\n"), TYPE, "holds no boundary"),
        (body(part("form-data")), TYPE, "without a name"),
        (body(part('attachment; name="f"')), TYPE, "without a name"),
        (body(b"\r\nx"), TYPE, "without a name"),
        (body(b"nonsense\r\n\r\nx"), TYPE, "header line"),
        (body(b"A: " + b"x" * 9000 + b"\r\n\r\nx"), TYPE, "longer than 8192 bytes"),
        (body(part('form-data; name="f"', b"\xff")), TYPE, "not UTF-8"),
        (body(part('form-data; name="f"', b"eA==", "Content-Transfer-Encoding: base64")), TYPE, "encoding"),
        (body(*[part('form-data; name="f"')] * 129), TYPE, "more than 128 parts"),
        (body(part('form-data; name="f"'), end=b""), TYPE, "last boundary is missing"),
    ],
)
def test_what_is_wrong_with_a_form_is_told(raw, media, told):
    with pytest.raises(InvalidRequest, match=told) as caught:
        form.read(raw, media)
    assert caught.value.status == 400


def test_as_many_parts_as_are_allowed_are_read():
    assert len(form.read(body(*[part('form-data; name="f"')] * 128), TYPE)) == 128


def test_a_form_without_parts_is_one():
    assert form.read(bytearray(b"--b--"), TYPE) == []


def test_a_boundary_that_nearly_stands_in_a_file_is_not_used_again():
    raw = body(part('form-data; name="f"; filename="a"', b"1\r\n--bx"))
    pieces, media = form.write(form.read(raw, TYPE))
    boundary = form.parameters(media)["boundary"]
    assert b"--" + boundary.encode() not in bytes(pieces[1])
    assert plain(form.read(bytearray(b"".join(pieces)), media)) == [("f", ("a", b"1\r\n--bx"))]


def test_a_name_cannot_break_out_of_its_header():
    pieces, media = form.write([Field('a"\r\nX: y', File('b"\r\n\r\n', "c\r\nX: y", memoryview(b"z")))])
    (found,) = form.read(bytearray(b"".join(pieces)), media)
    assert b"\r\nX:" not in b"".join(pieces)
    assert (found.name, found.value.filename) == ('a"\r\nX: y', 'b"\r\n\r\n')
