"""ironlaw sweep: many recordings from one plan file, here or on a Ray cluster, and the break-even map."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ironlaw.commands.showing import echo, say_json
from ironlaw.errors import BadInput, ExitCode, offer_closest

if TYPE_CHECKING:
    from ironlaw.explanation.break_even import BreakEvenMap
    from ironlaw.machine import Machine
    from ironlaw.sweep.cell import Cell
    from ironlaw.sweep.cluster import Cluster
    from ironlaw.sweep.hosts import Host, Node
    from ironlaw.sweep.plan_file import SweepPlan
    from ironlaw.sweep.store import Store
    from ironlaw.watcher import Watcher

MAP_NAME = "break-even"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("plan", type=click.Path(path_type=Path), metavar="PLAN.toml")
@click.option("--ray", "address", metavar="ADDRESS", help="Measure on this Ray cluster: HOST:6379, or auto.")
@click.option("--map", "only_map", is_flag=True, help="Measure nothing; show the results so far.")
@click.option("--json", "as_json", is_flag=True, help="Print the map as one JSON object.")
@click.option("--quiet", is_flag=True, help="Do not show progress.")
@click.option("--out-anywhere", is_flag=True, help="Allow the plan's `out` to be outside the plan's folder.")
def sweep(plan: Path, address: str | None, only_map: bool, **options: bool) -> int:
    """Measure every cell of PLAN.toml: models x threads x batch sizes x hosts, all arms in each.

    Run it again to continue where it stopped. The recordings and the break-even map (HTML, CSV, JSON) are in the
    folder that the plan names as `out`.
    """
    from ironlaw.sweep.plan_file import read_plan
    from ironlaw.sweep.store import Store

    as_json, quiet = options["as_json"], options["quiet"]
    wanted = read_plan(plan)
    if not options["out_anywhere"]:
        _require_inside(wanted)
    store = Store(wanted.out, only_look=only_map)
    try:
        if not only_map:
            _measure(wanted, store, address, quiet=quiet)
        return int(_show(wanted, store, as_json=as_json))
    except KeyboardInterrupt:
        there = sum(store.has(cell) for cell in wanted.cells())
        ray = f" --ray {address}" if address else ""
        echo(f"ironlaw: stopped; {there} of {wanted.count} cells are measured and kept", err=True)
        echo(f"   hint: to continue: ironlaw sweep {wanted.file}{ray}", err=True)
        return int(ExitCode.INCOMPLETE)
    finally:
        store.close()


def _require_inside(wanted: SweepPlan) -> None:
    """Check that the plan file writes only below its own folder, links resolved.

    Raises:
        BadInput: it would write elsewhere.
    """
    out, folder = wanted.out.resolve(), wanted.folder.resolve()
    if not out.is_relative_to(folder):
        raise BadInput(
            f"{wanted.file} writes its recordings to {out}, which is outside its own folder",
            hint="name a folder in it as out, or add --out-anywhere",
        )


@dataclass(frozen=True, slots=True)
class CellRunner:
    """Measures a cell as `ironlaw run` does; sent to Ray's workers."""

    def inspect(self) -> Machine:
        """The machine this runs on."""
        from ironlaw.machine.inspection import inspect_machine

        return inspect_machine()

    def measure(self, cell: Cell, out: Path, watcher: Watcher) -> None:
        """Record the cell's plan with its experiments."""
        from ironlaw.fact import Ended, Ending
        from ironlaw.running import measure

        ended = measure(cell.settings(), out, watcher=watcher).ended
        if isinstance(ended, Ended) and ended.why is Ending.INTERRUPTED:
            raise KeyboardInterrupt


def _measure(wanted: SweepPlan, store: Store, address: str | None, *, quiet: bool) -> None:
    """Measure what is missing."""
    from rich.console import Console

    from ironlaw.commands.sweep_progress import SweepProgress
    from ironlaw.sweep.dispatch import dispatch

    there = sum(store.has(cell) for cell in wanted.cells())
    progress = SweepProgress(Console(stderr=True), wanted, there=there, quiet=quiet)
    with _cluster(wanted, address, progress) as cluster:
        _require_hosts(wanted, cluster, is_here=address is None)
        if there < wanted.count:
            with progress:
                dispatch({host: wanted.cells_on(host) for host in wanted.hosts}, cluster, store, progress)


@contextlib.contextmanager
def _cluster(wanted: SweepPlan, address: str | None, watcher: Watcher) -> Iterator[Cluster]:
    from ironlaw.sweep.embedded import Here
    from ironlaw.sweep.ray_cluster import RayCluster
    from ironlaw.sweep.survey import node_version_concerns

    if address is None:
        yield Here(CellRunner(), wanted.folder, watcher)
        return
    cluster = RayCluster(address, CellRunner(), wanted)
    try:
        for concern in node_version_concerns(cluster.machines):
            echo(f"ironlaw: {concern.text}", err=True)
            echo(f"   hint: {concern.fix}", err=True)
        yield cluster
    finally:
        cluster.close()


def _require_hosts(wanted: SweepPlan, cluster: Cluster, *, is_here: bool) -> None:
    """Check before anything runs that each host of the plan is available.

    Raises:
        BadInput: a host is not available.
    """
    nodes = cluster.nodes()
    for host in wanted.hosts:
        if any(host.fits(node.labels) for node in nodes):
            continue
        if is_here:
            hint = "add --ray ADDRESS to measure on a cluster, or take it out of hosts"
            raise BadInput(f"{wanted.file} asks for the host {host}, which this machine is not", hint=hint)
        raise BadInput(f"no node of the cluster is {host}, as {wanted.file} asks", hint=_closest_host(host, nodes))


def _closest_host(host: Host, nodes: Sequence[Node]) -> str:
    labels = [node.labels for node in nodes]
    values = sorted({value for label in labels for value in label.get(host.key, ())})
    if values:
        return offer_closest(host.value, values)
    return offer_closest(host.key, sorted({key for label in labels for key in label}))


def _show(wanted: SweepPlan, store: Store, *, as_json: bool) -> ExitCode:
    from rich.console import Console

    from ironlaw.report.break_even import document, terminal
    from ironlaw.sweep.survey import break_even_map

    drawn = break_even_map(wanted, store)
    written = _write(drawn, wanted)
    if as_json:
        say_json(document.to_document(drawn))
    else:
        terminal.show(drawn, Console())
        echo(f"Map: {written}", err=True)
    return ExitCode.INCOMPLETE if drawn.absent else ExitCode.DONE


def _write(drawn: BreakEvenMap, wanted: SweepPlan) -> Path:
    from ironlaw.report.break_even import document, page

    texts = {
        "json": document.to_json(drawn),
        "csv": document.to_csv(drawn),
        "html": page.render(drawn, title=wanted.file.stem),
    }
    wanted.out.mkdir(parents=True, exist_ok=True)
    for ending, text in texts.items():
        (wanted.out / f"{MAP_NAME}.{ending}").write_text(text, encoding="utf-8")
    return wanted.out / f"{MAP_NAME}.html"
