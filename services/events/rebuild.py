"""Rebuild: make a view anew from the first record, beside the one in use, and then switch.

Idea      A view is a cache of the log: when its code was wrong, or its columns change, it is thrown away and
          made again. Readers keep the old one until the new one has caught up; the switch is one transaction.
          It never takes a reader back in time, since the new one must be as far as the old one at least.
Mind      Followers with the old code would go on writing into the new view: deploy them first. Effects
          beyond the view (mails!) do not belong into `apply`: a rebuild would have them all again.
Not here  Logs whose beginning is deleted, unless the view is content with holes: there is no zero to begin
          at, and OffsetOutOfRange says so.
Source    M. Fowler, "CQRS" and "Event Sourcing" ("Complete Rebuild"), martinfowler.com.
"""

from minibroker.log_client import Topic
from services.events.projection import OutOfStep, Projection


async def rebuild(topic: Topic, view: Projection, *, batch: int = 500) -> int:
    """Make `view` anew from all of `topic`, `batch` records a transaction. Returns how many it applied.

    A crash leaves the old view as it is; the next rebuild begins at zero again. The errors of the broker
    come out of it as they are; so do OutOfStep and what `apply` raises.
    """
    await view.create()
    await _refuse_another_log(topic, view)
    fresh = await view.fresh_copy(f"{view.table}_rebuilt")
    applied = 0
    while True:
        positions = await fresh.positions()
        for partition, log in enumerate(await topic.partitions()):  # anew each time: there may be more by now
            positions.setdefault(partition, log.start_offset if view.holes else 0)
        records = await topic.fetch_many(positions, max_records=batch)
        applied += await fresh.take(records)
        if not records and await view.replace_by(fresh):
            return applied


async def _refuse_another_log(topic: Topic, view: Projection) -> None:
    """The switch waits until the new view is as far as the old one: in another log it might for ever."""
    logs = await topic.partitions()
    for partition, position in (await view.positions()).items():
        if partition >= len(logs) or position > logs[partition].end_offset:
            raise OutOfStep(
                f"{view.table} is at offset {position} of {topic.name}/{partition}, beyond its end: this log "
                f"is not the one that the view was made from. Drop the view and its positions first"
            )
