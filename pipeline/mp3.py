"""The length of MP3 files that do not tell it.

A Xing, Info or VBRI tag in the first frame counts the frames. Without one libsndfile takes all frames to be as long as the first: too
short by a frame where frames are padded, and anything where the bit rate varies.
"""

from pathlib import Path

MAX_FILE_BYTES = 1 << 26  # ten minutes at 320 kbit/s take 24 MB

_TAGS = (b"Xing", b"Info", b"VBRI")
_TAG_WITHIN_BYTES = 64  # of the first frame's start
_MPEG_1, _LAYER_III = 3, 1
_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_HZ = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # MPEG 1, 2, 2.5


def untagged_samples(path: Path) -> int | None:
    """Samples a channel in the frames of a layer III file without a tag that counts them; None where there is a tag, or no such frame.

    The encoder's delay and padding are among them: nothing in such a file says how long they are.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES)
    at, n_samples = _after_id3(data), 0
    while at + 4 <= len(data):
        n_bytes, n_frame = _frame(data[at : at + 4])
        if not n_bytes:
            at = data.find(b"\xff", at + 1)
            if at < 0:
                break
            continue
        if not n_samples and any(tag in data[at : at + _TAG_WITHIN_BYTES] for tag in _TAGS):
            return None
        n_samples += n_frame
        at += n_bytes
    return n_samples or None


def _after_id3(data: bytes) -> int:
    """Where an ID3v2 tag at the start ends."""
    if not data.startswith(b"ID3") or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _frame(header: bytes) -> tuple[int, int]:
    """Bytes and samples of the frame that starts with these four bytes; (0, 0) if none does."""
    bits = int.from_bytes(header, "big")
    version, layer, kbps_at, rate_at = bits >> 19 & 3, bits >> 17 & 3, bits >> 12 & 15, bits >> 10 & 3
    if bits >> 21 != 0x7FF or version not in _RATES_HZ or layer != _LAYER_III or not 0 < kbps_at < 15 or rate_at == 3:
        return 0, 0
    n_samples, kbps = (1152, _KBPS_1[kbps_at]) if version == _MPEG_1 else (576, _KBPS_2[kbps_at])
    return n_samples * 125 * kbps // _RATES_HZ[version][rate_at] + (bits >> 9 & 1), n_samples
