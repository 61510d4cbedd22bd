"""What a scan would cost, before it is started."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from cleantrace.client.aio.calls import AsyncCalls
from cleantrace.client.aio.waiting import poll
from cleantrace.client.deadline import Deadline
from cleantrace.client.errors import EstimateFailed
from cleantrace.client.models import Estimate
from cleantrace.client.refs import NO_REASON, CheckpointRef, RunRef, path_id
from cleantrace.client.scan_request import Precision, RankedScore, scan_request


class AsyncEstimateCalls(AsyncCalls):
    """What a scan would cost, before it is started."""

    async def estimate_scan(
        self,
        run: RunRef,
        *,
        progress: Callable[[Estimate], None] | None = None,
        timeout_s: float | None = None,
        **scan: Any,
    ) -> Estimate:
        """Time, memory and disk that a scan would take, and what cheaper ones would.

        A worker scores a few batches, and extrapolates; this waits for it.

        Args:
            progress: called with the estimate at each look.
            timeout_s: how long to wait.
            scan: as for `start_scan`.
        Raises:
            What `start_estimate` and `wait_for_estimate` raise.
        """
        asked = await self.start_estimate(run, **scan)
        return await self.wait_for_estimate(asked, progress=progress, timeout_s=timeout_s)

    async def start_estimate(
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
    ) -> Estimate:
        """Ask what a scan would cost; starts none. See `wait_for_estimate`.

        Takes what `start_scan` takes, and raises what it raises.
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
        return Estimate.from_json(await self._transport.post("/scans/estimates", body))

    async def wait_for_estimate(
        self,
        estimate: Estimate | str,
        *,
        progress: Callable[[Estimate], None] | None = None,
        timeout_s: float | None = None,
    ) -> Estimate:
        """Wait until an estimate is done; returns it with its result.

        Raises:
            EstimateFailed: with the stored reason, which the scan would fail for as well.
            WaitTimedOut: after `timeout_s`.
        """
        deadline = Deadline("The estimate", timeout_s)
        async for seen in poll(lambda: self.get_estimate(estimate), _is_over, deadline):
            if progress is not None:
                progress(seen)
        if seen.status == "failed":
            what = f"Estimate {seen.id} failed"
            raise EstimateFailed(what, seen, seen.failure or NO_REASON)
        return seen

    async def get_estimate(self, estimate: Estimate | str) -> Estimate:
        """An estimate as it stands. Raises EstimateNotFound: it is kept for a day."""
        wanted = estimate.id if isinstance(estimate, Estimate) else estimate
        return Estimate.from_json(await self._transport.get(f"/scans/estimates/{path_id(wanted)}"))


def _is_over(estimate: Estimate) -> bool:
    return estimate.status in {"done", "failed"}
