# Made from aio/scans.py by tools/sync_client.py: change that.
"""Starting scans, following them, and reading their results."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from cleantrace.client.calls import Calls
from cleantrace.client.deadline import Deadline
from cleantrace.client.errors import ScanCancelled, ScanFailed
from cleantrace.client.models import Failure, Flag, Scan, Score
from cleantrace.client.pages import Pages
from cleantrace.client.refs import NO_REASON, CheckpointRef, DatasetRef, RunRef, ScanRef, path_id
from cleantrace.client.scan_request import Precision, RankedScore, scan_request
from cleantrace.client.waiting import follow_scan

_PAGE = 1000


class ScanCalls(Calls):
    """Starting scans, following them, and reading their results."""

    def start_scan(
        self,
        run: RunRef,
        *,
        layers: Literal["all", "last", "auto"] | Sequence[str] = "all",
        checkpoints: Literal["all"] | Sequence[CheckpointRef] = "all",
        weighting: Literal["eta", "equal"] = "eta",
        score: RankedScore = "self_influence",
        top_k: int | None = None,
        share: float | None = None,
        threshold: float | None = None,
        evidence: bool | int = False,
        fresh: bool = False,
        precision: Precision = "full",
        canaries: int = 0,
    ) -> Scan:
        """Start to score a run's dataset; goes on in the background.

        Args:
            layers: all, last, auto (chosen by a sample, for half the work), or names and patterns
                (`layer4.*`, `type:Linear`).
            weighting: of checkpoints: by learning rate, or equal.
            score: the one that ranks the examples.
            top_k, share, threshold: what to flag, one of them; the most suspicious tenth if none.
            evidence: keep sketches, by which `evidence` finds the examples behind a score; a number
                is their dimension.
            fresh: compute everything anew, even what earlier scans hold.
            precision: full; bf16 and tf32 are quicker on a GPU; the coverage states their error.
            canaries: examples to score as well with a wrong label, in memory alone. `scan.recall`
                is the share of them that would have been flagged.
        Raises:
            DatasetNotReady, NoCheckpoints, CheckpointUnusable
            ValueError: more than one of top_k, share, threshold.
        """
        body = scan_request(
            run,
            layers=layers,
            checkpoints=checkpoints,
            weighting=weighting,
            score=score,
            top_k=top_k,
            share=share,
            threshold=threshold,
            evidence=evidence,
            fresh=fresh,
            precision=precision,
            canaries=canaries,
        )
        return Scan.from_json(self._transport.post("/scans", body))

    def get_scan(self, scan: ScanRef) -> Scan:
        """State, progress, speed and time left; the summary once complete."""
        return Scan.from_json(self._transport.get(f"/scans/{path_id(scan)}"))

    def scans(self, dataset: DatasetRef | None = None) -> Pages[Scan]:
        """The project's scans, or those of a dataset, newest first."""
        only = None if dataset is None else path_id(dataset)
        return self._pages("/scans", Scan, dataset_id=only)

    def watch_scan(self, scan: ScanRef, *, timeout_s: float | None = None) -> Iterator[Scan]:
        """The scan at each change (without its summary) until it is over, however it ends.

        Raises WaitTimedOut after `timeout_s`.
        """
        return follow_scan(self._transport, path_id(scan), Deadline("The scan", timeout_s))

    def wait_for_scan(
        self,
        scan: ScanRef,
        *,
        progress: Callable[[Scan], None] | None = None,
        timeout_s: float | None = None,
    ) -> Scan:
        """Wait until a scan is complete; returns it with its summary.

        Raises:
            ScanFailed: with the stored reason; ScanCancelled if it was cancelled.
            WaitTimedOut: after `timeout_s`.
        """
        for seen in self.watch_scan(scan, timeout_s=timeout_s):
            if progress is not None:
                progress(seen)
        over = self.get_scan(scan)
        if over.status == "cancelled":
            reason = Failure("Cancelled", "Somebody cancelled it.", "Retry it to go on.")
            raise ScanCancelled(f"Scan {over.id} was cancelled", over, over.failure or reason)
        if over.status == "failed":
            raise ScanFailed(f"Scan {over.id} failed", over, over.failure or NO_REASON)
        return over

    def cancel_scan(self, scan: ScanRef) -> Scan:
        """Raises ScanFinished: it is over already."""
        return Scan.from_json(self._transport.post(f"/scans/{path_id(scan)}/cancel"))

    def retry_scan(self, scan: ScanRef) -> Scan:
        """Go on with a failed or cancelled scan; what was done stays done.

        Raises ScanNotRetriable.
        """
        return Scan.from_json(self._transport.post(f"/scans/{path_id(scan)}/retry"))

    def scores(
        self,
        scan: ScanRef,
        *,
        order: Literal[
            "rank", "position", "self_influence", "self_influence_equal", "last_layer", "loss",
            "margin", "el2n", "given_probability",
        ] = "rank",
        label: str | None = None,
        predicted: str | None = None,
        finite: bool | None = None,
        flagged: bool | None = None,
        page_size: int = _PAGE,
    ) -> Pages[Score]:  # fmt: skip
        """Every example's scores, all pages; the most suspicious first by `order`.

        Args:
            label, predicted: only examples given, or predicted, this class.
            finite: False, with order position: those whose scores are not finite.
            flagged: only those that are flagged, or are not.
        Raises:
            ScanNotComplete: there are none yet.
        """
        return self._pages(
            f"/scans/{path_id(scan)}/scores",
            Score,
            order=order,
            label=label,
            predicted=predicted,
            finite=finite,
            flagged=flagged,
            limit=page_size,
        )

    def flags(
        self,
        scan: ScanRef,
        *,
        label: str | None = None,
        suggested: str | None = None,
        page_size: int = _PAGE,
    ) -> Pages[Flag]:
        """The flagged examples, all pages, the most suspicious first. Raises ScanNotComplete."""
        return self._pages(
            f"/scans/{path_id(scan)}/flags", Flag, label=label, suggested=suggested, limit=page_size
        )

    def get_score(
        self, scan: ScanRef, position: int | None = None, *, key: str | None = None
    ) -> Score:
        """One example with all its scores, by its position or by your own key.

        Raises:
            ScoreNotFound, ExampleNotFound
            ValueError: not exactly one of position and key is given.
        """
        if (position is None) == (key is None):
            raise ValueError("give either a position or a key")
        if key is not None:
            return Score.from_json(
                self._transport.get(f"/scans/{path_id(scan)}/scores-by-key", key=key)
            )
        return Score.from_json(self._transport.get(f"/scans/{path_id(scan)}/scores/{position}"))
