"""Who may call, in memory: workspaces, projects, members, keys and what bounds them, by a key's digest.

A key becomes a `Who` when it is first used, and again when something has changed that it depends on: each
workspace counts its changes, so that one with a hundred thousand keys is changed in one step.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from xroute.errors import Authentication, PermissionDenied
from xroute.limits.rules import BudgetRule, LimitRule, Rules
from xroute.store.pepper import bits
from xroute.store.rows import (
    Bound,
    BudgetRow,
    Entry,
    LimitRow,
    Member,
    Project,
    Space,
    labels_of,
    policy_of,
)
from xroute.wire.who import Who

EACH: Final = "*"
_FOREVER: Final = float("inf")
_MOST_HOPS: Final = 100  # of a key that was rotated again and again


class Image:
    """Rows go in by `put_*` in any order and out by `drop`; `find` answers."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {}
        self.projects: dict[str, Project] = {}
        self.members: dict[str, Member] = {}
        self._keys: dict[bytes, Entry] = {}
        self._by_id: dict[str, Entry] = {}
        self._before: dict[str, set[str]] = {}  # a key -> those that it took the place of
        self._bounds: dict[str, list[Bound]] = {}  # by subject; those of users by workspace
        self._bound: dict[str, Bound] = {}
        self.used: set[str] = set()  # keys that were found; who writes them down empties it

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, digest: bytes, now: float) -> Who | None:
        """Whose key it is; Authentication or PermissionDenied where it may not be used (any more)."""
        entry = self._keys.get(digest)
        if entry is None:
            return None
        who = entry.who
        if who is None or entry.seen != entry.space.changes:
            who = self._made(entry)
        if who.expires <= now:
            raise Authentication(f"This key expired at {_iso(who.expires)}. Use another.", code="key_expired")
        self.used.add(entry.id)
        return who

    def put_workspace(
        self, id_: str, slug: str, plan: str, line_nano: int, markup_ppm: int, closed: int | None
    ) -> None:
        """A row of `workspaces`."""
        space = self._space(id_)
        space.slug, space.plan, space.line_nano = slug, plan, line_nano
        space.markup_ppm, space.is_closed = markup_ppm, closed is not None
        space.touch()

    def put_funds(self, workspace: str, nano: int) -> None:
        """What was ever put in."""
        space = self._space(workspace)
        if space.funded_nano != nano:
            space.funded_nano = nano
            space.touch()

    def put_project(self, id_: str, workspace: str, name: str, route: str, archived: int | None) -> None:
        """A row of `projects`."""
        self.projects[id_] = Project(id_, workspace, name, route, archived is not None)
        self._space(workspace).touch()

    def put_member(self, id_: str, workspace: str, name: str, is_disabled: bool) -> None:
        """A row of `members` with the e-mail address of its user."""
        self.members[id_] = Member(id_, workspace, name, is_disabled)
        self._space(workspace).touch()

    def put_key(
        self,
        id_: str,
        workspace: str,
        project: str | None,
        member: str | None,
        name: str,
        hash_: str,
        policy: str,
        labels: str,
        route: str,
        expires: int | None,
        disabled: bool,
        revoked: int | None,
        next_: str | None,
    ) -> None:
        """A row of `keys`; `policy` and `labels` are JSON."""
        self._forget_key(id_)
        entry = Entry(
            id=id_,
            digest=bits(hash_),
            space=self._space(workspace),
            project=project or "",
            member=member or "",
            name=name,
            policy=policy_of(policy),
            labels=labels_of(labels),
            route=route,
            expires=_FOREVER if expires is None else expires / 1000,
            state="revoked" if revoked is not None else "disabled" if disabled else "",
            next=next_ or "",
        )
        self._keys[entry.digest] = self._by_id[id_] = entry
        if entry.next:
            self._before.setdefault(entry.next, set()).add(id_)

    def put_limit(self, row: LimitRow) -> None:
        """A row of `limits`."""
        self._put_bound(row)

    def put_budget(self, row: BudgetRow) -> None:
        """A row of `budgets`."""
        self._put_bound(row)

    def drop(self, table: str, id_: str) -> None:
        """A row that is not there any more."""
        if table == "keys":
            self._forget_key(id_)
        elif table in ("limits", "budgets"):
            self._forget_bound(id_)
        elif table == "workspaces":
            if space := self.spaces.get(id_):
                space.is_closed = True
                space.touch()
        elif gone := {"projects": self.projects, "members": self.members}[table].pop(id_, None):
            self._space(gone.workspace).touch()

    def budgets(self) -> Iterator[BudgetRow]:
        """Every budget."""
        return (row for row in self._bound.values() if isinstance(row, BudgetRow))

    def bound(self, id_: str) -> Bound | None:
        """A limit or budget."""
        return self._bound.get(id_)

    def rules(self, key: str) -> Rules | None:
        """What bounds a key, whether or not it may be used."""
        entry = self._by_id.get(key)
        return self._rules(entry) if entry else None

    def _space(self, id_: str) -> Space:
        space = self.spaces.get(id_)
        if space is None:
            space = self.spaces[id_] = Space(id_)
        return space

    def _forget_key(self, id_: str) -> None:
        entry = self._by_id.pop(id_, None)
        if entry is None:
            return
        if self._keys.get(entry.digest) is entry:
            del self._keys[entry.digest]
        if entry.next:
            self._before.get(entry.next, set()).discard(id_)

    def _put_bound(self, row: Bound) -> None:
        self._forget_bound(row.id)
        self._bound[row.id] = row
        self._bounds.setdefault(_place(row), []).append(row)
        self._touch_bound(row)

    def _forget_bound(self, id_: str) -> None:
        row = self._bound.pop(id_, None)
        if row is None:
            return
        place = _place(row)
        left = [each for each in self._bounds[place] if each.id != id_]
        if left:
            self._bounds[place] = left
        else:
            del self._bounds[place]
        self._touch_bound(row)

    def _touch_bound(self, row: Bound) -> None:
        if row.scope != "key" or row.subject == EACH:
            self._space(row.workspace).touch()
            return
        for id_ in (row.subject, *self._earlier(row.subject)):
            if entry := self._by_id.get(id_):
                entry.who = None

    def _earlier(self, id_: str) -> list[str]:
        """The keys that a key took the place of, at one or more removes."""
        found = [id_]
        for each in found:
            found += [before for before in self._before.get(each, ()) if before not in found]
        return found[1:]

    def _latest(self, entry: Entry) -> Entry:
        """The key that a rotated one became: its bounds are those of both."""
        for _ in range(_MOST_HOPS):
            later = self._by_id.get(entry.next) if entry.next else None
            if later is None:
                break
            entry = later
        return entry

    def _made(self, entry: Entry) -> Who:
        self._check(entry)
        space, project = entry.space, self.projects.get(entry.project)
        entry.who = Who(
            name=entry.name,
            id=entry.id,
            workspace=space.id,
            project=entry.project,
            member=entry.member,
            labels=entry.labels,
            policy=entry.policy,
            route=entry.route or (project.route if project else ""),
            markup_ppm=space.markup_ppm,
            rules=self._rules(entry),
            expires=entry.expires,
        )
        entry.seen = space.changes
        return entry.who

    def _check(self, entry: Entry) -> None:
        """Raises what a client is told whose key may not be used."""
        project, member = self.projects.get(entry.project), self.members.get(entry.member)
        if entry.state == "revoked":
            raise Authentication("This key has been revoked. Use another.", code="key_revoked")
        if entry.state == "disabled":
            raise PermissionDenied(
                "This key is disabled. Have it enabled, or use another.", code="key_disabled"
            )
        if entry.space.is_closed:
            raise PermissionDenied("The workspace of this key is closed.", code="workspace_closed")
        if project is not None and project.is_archived:
            raise PermissionDenied("The project of this key is archived.", code="project_archived")
        if entry.member and (member is None or member.is_disabled):
            text = "The member this key belongs to is not in the workspace any more."
            raise PermissionDenied(text, code="member_removed")

    def _rules(self, entry: Entry) -> Rules:
        space, own = entry.space, self._latest(entry).id
        group = (entry.project, entry.member)
        mine = self._of_key(own, space.id)
        if mine:
            return self._ruled(space, [*mine, *self._shared(space, *group)], entry.name)
        if group not in space.rules:
            space.rules[group] = self._ruled(space, self._shared(space, *group), "")
        return space.rules[group]

    def _of_key(self, id_: str, workspace: str) -> list[Bound]:
        users = self._bounds.get(f"user {workspace}", ())
        return [*self._bounds.get(id_, ()), *(row for row in users if row.subject == EACH + id_)]

    def _shared(self, space: Space, project: str, member: str) -> list[Bound]:
        """What bounds every key of a project and member."""
        rows: list[Bound] = []
        for subject in filter(None, (project, member, space.id)):
            rows += self._bounds.get(subject, ())
        each = EACH + project if project else EACH
        for row in self._bounds.get(f"user {space.id}", ()):
            if row.subject in (EACH, each) or not row.subject.startswith(EACH):
                rows.append(row)
        return rows

    def _ruled(self, space: Space, rows: list[Bound], key: str) -> Rules:
        limits = [self._limit(row, space, key) for row in rows if isinstance(row, LimitRow)]
        budgets = [self._budget(row, space, key) for row in rows if isinstance(row, BudgetRow)]
        return Rules(limits, budgets, space.credit)

    def _limit(self, row: LimitRow, space: Space, key: str) -> LimitRule:
        label, subject = self._label(row, space, key), _subject(row)
        return LimitRule(row.id, label, row.scope, subject, *row[4:])

    def _budget(self, row: BudgetRow, space: Space, key: str) -> BudgetRule:
        label, subject = self._label(row, space, key), _subject(row)
        return BudgetRule(row.id, label, row.scope, subject, *row[4:])

    def _label(self, row: Bound, space: Space, key: str) -> str:
        """What people call it: "key bench"."""
        if row.scope == "user":
            return "user" if row.subject.startswith(EACH) else f"user {row.subject}"
        named: Callable[[], str] = {
            "key": lambda: key,
            "project": lambda: self.projects[row.subject].name if row.subject in self.projects else "",
            "member": lambda: self.members[row.subject].name if row.subject in self.members else "",
        }.get(row.scope, lambda: space.slug)
        return f"{row.scope} {named() or row.subject}"


def _place(row: Bound) -> str:
    return f"user {row.workspace}" if row.scope == "user" else row.subject


def _subject(row: Bound) -> str:
    return EACH if row.subject.startswith(EACH) else row.subject


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
