"""Bytes as people read and write them."""

from __future__ import annotations

_DECIMAL = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS = {
    **_DECIMAL,
    **{f"{letter}B": _DECIMAL[letter] for letter in "KMGT"},
    **{f"{letter}iB": 1 << 10 * power for power, letter in enumerate("KMGT", 1)},
}


def parse(text: str) -> int:
    """Give `512MiB` in bytes.

    Raises:
        ValueError: it is no size.
    """
    digits = text.rstrip("BKMGTi")
    unit = text.removeprefix(digits)
    if unit not in _UNITS:
        raise ValueError(f"not a size: {text}")
    return int(float(digits) * _UNITS[unit]) if "." in digits else int(digits) * _UNITS[unit]


DISK_STEP = 1 << 10  # libvirt has qemu-img make disks of whole KiB, whatever size it is given


def rounded_up(count: int, step: int = DISK_STEP) -> int:
    """The next multiple of `step`; by default what a disk of `count` bytes becomes."""
    return -(-count // step) * step


def sizes(first: int, second: int) -> tuple[str, str]:
    """Two sizes as `size` writes them, but in bytes where both would look the same."""
    texts = size(first), size(second)
    return texts if first == second or texts[0] != texts[1] else (f"{first}B", f"{second}B")


def size(count: int) -> str:
    """Write bytes with the largest binary unit that keeps them exact, else with one decimal."""
    power = max(0, (count.bit_length() - 1) // 10) if count else 0
    power = min(power, 5)
    while power and count % (1 << 10 * power) and count < 10 << 10 * power:
        power -= 1
    scaled = count / (1 << 10 * power)
    number = f"{scaled:.0f}" if scaled == int(scaled) else f"{scaled:.1f}"
    return number + ("B", "KiB", "MiB", "GiB", "TiB", "PiB")[power]
