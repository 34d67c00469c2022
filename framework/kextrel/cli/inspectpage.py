"""The page of `kextrel inspect`: one part for each bundle, then what happens on the Mac that was asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from kextrel.bundles.reading.found import Code, Component, ComponentKind, Inspected, Installer, Remark, Signer
from kextrel.bundles.reading.jsonform import printable
from kextrel.bundles.reading.kpi import by_release

if TYPE_CHECKING:  # the model is asked only where a Mac was named
    from kextrel.cli.fate import Fate, Happening
    from kextrel.vocabulary import Mac

__all__ = ["show"]

_KINDS = {
    ComponentKind.KEXT: "kernel extension",
    ComponentKind.APP: "app",
    ComponentKind.SYSTEM_EXTENSION: "system extension",
    ComponentKind.DRIVER_EXTENSION: "driver extension",
}
_MARKS = {"supported": ("loads", "green"), "deprecated": ("depr.", "yellow"), "unsupported": ("no", "red")}
_MOST_SYMBOLS = 12
_WIDTH = 110  # columns where the output is no terminal


def show(found: Inspected, mac: Mac | None = None, fates: Sequence[Fate] | None = None) -> None:
    """Prints it to stdout; colours and the width are a terminal's where it is one."""
    console = Console(highlight=False, emoji=False, markup=False)
    if console.is_terminal:
        console.print(*_parts(found, mac, fates), sep="\n")
        return
    plain = Console(highlight=False, emoji=False, markup=False, width=_WIDTH)
    with plain.capture() as page:
        plain.print(*_parts(found, mac, fates), sep="\n")
    typer.echo("\n".join(line.rstrip() for line in page.get().splitlines()))


def _parts(found: Inspected, mac: Mac | None, fates: Sequence[Fate] | None) -> Iterator[RenderableType]:
    yield Text(printable(found.path), style="bold")
    for installer in found.installers:
        yield _indented(_installer(installer), 2)
    for component in found.components:
        yield Text("")
        yield _headline(component)
        yield _indented(_facts(component), 2)
        if component.kpi_by_release:
            yield _indented(_releases(component), 2)
        if component.remarks:
            worst_first = sorted(component.remarks, key=lambda one: one.level != "problem")
            yield _indented(Group(*map(_remark, worst_first)), 2)
    if mac is not None and fates is not None:
        yield Text("")
        yield Text(f"On this Mac ({_mac_words(mac)})", style="bold")
        for fate in fates:
            yield _indented(_fate(fate), 2)


def _indented(part: RenderableType, columns: int) -> Padding:
    return Padding(part, (0, 0, 0, columns), expand=False)


def _headline(component: Component) -> Text:
    title = Text(printable(component.bundle_id) or "(no identifier)", style="bold")
    version = printable(component.short_version or component.version)
    build = f" ({printable(component.version)})" if component.version not in ("", component.short_version) else ""
    return title.append(
        f"  {version}{build}  {printable(component.category_name or _KINDS[component.kind])}", style="not bold"
    )


def _rows() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _facts(component: Component) -> Table:
    table = _rows()
    for name, value in _lines(component):
        if value:
            table.add_row(name, Text(value))
    return table


def _lines(component: Component) -> Iterator[tuple[str, str]]:
    yield "path", printable(component.path)
    yield "installed at", printable(component.installed_at or "")
    yield "architectures", ", ".join(map(_slice_words, _distinct(component))) or "none: it has no code"
    yield "needs macOS", f"{component.needs_macos} or later" if component.needs_macos else ""
    yield "signature", _signature_words(component.code)
    yield "counts as", f"{component.standing} (in scenarios)"
    yield "notarization", _notarization_words(component)
    yield "entitlements", ", ".join(map(printable, sorted(component.code.entitlements)))
    yield "early boot", "yes" if component.early_boot else ""
    yield "personalities", ", ".join(map(printable, component.personalities))
    if component.kind is ComponentKind.KEXT:
        yield "libraries", ", ".join(f"{printable(n)} {printable(v)}" for n, v in sorted(component.libraries.items()))
        yield "undefined", _symbols_words(sorted(component.symbols))
        yield "user client", "yes" if component.user_client else "no"
        yield "user may load", "yes (OSBundleAllowUserLoad)" if component.user_loadable else "no"


def _distinct(component: Component) -> list[tuple[str, str | None, str | None]]:
    return [(one.architecture, one.platform, one.minimum) for one in component.slices]


def _slice_words(one: tuple[str, str | None, str | None]) -> str:
    architecture, platform, minimum = one
    return f"{architecture} ({platform} {minimum})" if platform else architecture


def _signature_words(code: Code) -> str:
    if code.signer is Signer.NOBODY:
        return "none"
    if code.signer is Signer.AD_HOC:
        return "ad-hoc"
    until = f", good until {code.valid_until:%Y-%m-%d}" if code.valid_until else ""
    when = f", signed {code.signed_at:%Y-%m-%d}" if code.signed_at else ""
    stamp = " with a timestamp" if code.timestamped else ""
    state = ", BROKEN" if code.damage else ", EXPIRED" if code.expired else ""
    under = f", under {code.anchor or 'a root that nobody knows'}"
    return f"{printable(code.developer or code.signer.value)}{under}{when}{stamp}{until}{state}"


def _notarization_words(component: Component) -> str:
    return {
        "stapled": "its ticket is stapled to it",
        "not needed": "not needed",
        "unknown": "" if not component.code.team_id else "no ticket is stapled to it",
    }[component.notarization]


def _symbols_words(symbols: Sequence[str]) -> str:
    if not symbols:
        return ""
    shown = ", ".join(map(printable, symbols[:_MOST_SYMBOLS]))
    more = f" and {len(symbols) - _MOST_SYMBOLS} more (--json has all)" if len(symbols) > _MOST_SYMBOLS else ""
    return f"{len(symbols)}: {shown}{more}"


def _releases(component: Component) -> Table:
    """What each macOS release does with the kernel interfaces that are used, a row each and one for all of them."""
    title = "kernel interfaces, by macOS release, while SIP is on and no profile from MDM allows the kext (KPI-11)"
    table = Table(box=SIMPLE_HEAD, title=Text(title, style="dim"), title_justify="left", pad_edge=False)
    table.add_column("interface")
    for release in component.kpi_by_release:
        table.add_column(release, min_width=5)
    for use in component.kpi:
        table.add_row(f"{use.name} ({use.rule})", *_marks(by_release([use])))
    table.add_row("all that it uses", *_marks(component.kpi_by_release))
    return table


def _marks(verdicts: Mapping[str, str]) -> Iterator[Text]:
    return (Text(*_MARKS[verdict]) for verdict in verdicts.values())


def _remark(remark: Remark) -> Text:
    mark, style = ("✗ ", "red") if remark.level == "problem" else ("· ", "yellow")
    rules = f"  [{', '.join(remark.rules)}]" if remark.rules else ""
    return Text(mark, style=style).append(f"{printable(remark.text)}{rules}", style="default")


def _installer(one: Installer) -> Table:
    table = _rows()
    table.add_row(
        "package", Text(f"{printable(one.identifier)} {printable(one.version)} into {printable(one.location)}")
    )
    table.add_row("signature", Text(_signature_words(one.code) + (", notarized (stapled)" if one.stapled else "")))
    if one.scripts:
        table.add_row("runs", Text(", ".join(map(printable, one.scripts))))
    return table


def _fate(fate: Fate) -> Group:
    from kextrel.cli.fate import way_words
    from kextrel.policy import RULES

    head = Text(f"{printable(fate.extension.bundle_id)}: ", style="bold").append(
        printable(fate.sentence), style="not bold"
    )
    steps = [_step(number, one) for number, one in enumerate(fate.steps, start=1)]
    named = dict.fromkeys(rule for one in fate.steps for rule in one.prediction.rules)
    rules = _rows()
    for rule in named:
        rules.add_row(rule, Text(RULES[rule].text, style="dim"))
    words = [one for one in (*fate.assumed, printable(way_words(fate))) if one]
    return Group(head, *steps, *(_indented(Text(one), 2) for one in words), _indented(rules, 2))


def _step(number: int, one: Happening) -> Text:
    rules = f"  [{', '.join(one.prediction.rules)}]" if one.prediction.rules else ""
    return Text(f"  {number}. {one.action.verb}  →  {one.words}{rules}{'  (open)' if one.prediction.open else ''}")


def _mac_words(mac: Mac) -> str:
    words = [f"macOS {mac.macos}", str(mac.architecture)]
    words += [f"{mac.security_mode} security"] if mac.security_mode else []
    words += [f"kext management: {', '.join(sorted(mac.kext_management))}"] if mac.kext_management else []
    words += [] if mac.sip else ["SIP off"]
    return ", ".join([*words, f"enrollment {mac.enrollment}"])
