"""Kafka clients outside Faust: started once the broker is there, subscribed once the topics are."""

import asyncio
from collections.abc import Callable, Coroutine
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaError,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.commit import OffsetFetchRequest

log = structlog.get_logger(__name__)

Sleep: TypeAlias = Callable[[float], Coroutine[Any, Any, None]]


class Startable(Protocol):
    """What consumers and producers of aiokafka have in common."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


Client = TypeVar("Client", bound=Startable)


@dataclass(frozen=True, slots=True)
class Patience:
    """How to wait for what is away: the delays, of which the last repeats, until told to stop."""

    delays_seconds: tuple[float, ...]
    stop: asyncio.Event
    sleep: Sleep

    @property
    def is_over(self) -> bool:
        """Say whether we were told to stop."""
        return self.stop.is_set()

    async def pause(self, tried: int) -> None:
        """Wait as long as is due after so many attempts, or until told to stop."""
        delay_seconds = self.delays_seconds[min(tried, len(self.delays_seconds) - 1)]
        waits = {asyncio.create_task(self.sleep(delay_seconds)), asyncio.create_task(_wait(self.stop))}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)


async def started(make: Callable[[], Client], broker: str, patience: Patience) -> Client | None:
    """Connect, waiting for Kafka if need be; none if told to stop before."""
    tried = 0
    while not patience.is_over:
        client = make()
        try:
            await client.start()
        except KafkaConnectionError as error:
            await client.stop()
            if tried == 0:
                log.warning("waiting for kafka", broker=broker, reason=str(error))
            await patience.pause(tried)
            tried += 1
        except BaseException:
            await client.stop()
            raise
        else:
            return client
    return None


def heed_offset_errors(consumer: AIOKafkaConsumer) -> None:
    """
    Have a started consumer ask again where the broker cannot say yet what was committed.

    From version 2 on an answer to OffsetFetch has an error of its own and then names no partition; aiokafka reads
    that as "nothing was ever committed", and would begin at the beginning. A coordinator that was just restarted
    answers so until it has loaded (docs/faust.md).
    """
    coordinator: Any = consumer._coordinator  # noqa: SLF001  # aiokafka has no other place for it
    send = coordinator._send_req  # noqa: SLF001

    async def checked(request: Any) -> Any:
        answer = await send(request)
        code = getattr(answer, "error_code", 0) if isinstance(request, OffsetFetchRequest) else 0
        if code:
            error = for_code(code)
            if error in (NotCoordinatorForGroupError, GroupCoordinatorNotAvailableError):
                coordinator.coordinator_dead()
            raise error(consumer._group_id)  # noqa: SLF001
        return answer

    coordinator._send_req = checked  # noqa: SLF001


async def until_topics(consumer: AIOKafkaConsumer, wanted: AbstractSet[str], patience: Patience) -> None:
    """Subscribe once all topics are there: who subscribes before that learns of them only minutes later."""
    tried = 0
    while not patience.is_over:
        missing = wanted - await _topics(consumer)
        if not missing:
            consumer.subscribe(sorted(wanted))
            return
        if tried == 0:
            log.warning("waiting for topics", missing=sorted(missing))
        await patience.pause(tried)
        tried += 1


async def _topics(consumer: AIOKafkaConsumer) -> AbstractSet[str]:
    try:
        return frozenset(await consumer.topics())
    except KafkaError as error:
        # The broker went again while we waited.
        log.info("topics cannot be listed", reason=str(error))
        return frozenset()


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()
