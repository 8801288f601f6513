"""Which convolutions dilate where an encoder keeps its resolution."""


def dilations_of(
    stride: int, blocks: int, output_stride: int, given: dict | None, *, strided: bool = True
) -> list[tuple[int, int]]:
    """For each block of a stage, the dilations of its first and its further convolutions.

    Args:
        stride: the stage's, were nothing dilated.
        given: number of a stage (1 at stride 4, ..., 4 at 32) -> the dilations of its blocks,
            repeated, where a network has its own.
        strided: whether the stage's first block would halve the map; by torchvision's rule it
            still has the dilation of the stage before.
    """
    stage = stride.bit_length() - 2
    if given and stage in given:
        rates = given[stage]
        return [(rates[i % len(rates)],) * 2 for i in range(blocks)]
    here, before = max(1, stride // output_stride), max(1, stride // 2 // output_stride)
    first = before if strided else here
    return [(first, here), *[(here, here)] * (blocks - 1)]
