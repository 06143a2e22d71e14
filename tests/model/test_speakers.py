"""Who speaks: rows of a table, or a function of any voice."""

import torch

from model.speakers import ExternalSpeaker, SpeakerTable


def voices() -> ExternalSpeaker:
    torch.manual_seed(0)
    speakers = ExternalSpeaker(3, 4, 5)
    speakers.set_means(torch.tensor([[0.0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]))
    return speakers


def test_a_table_looks_at_the_id_alone() -> None:
    table = SpeakerTable(3, 5)
    assert torch.equal(table(torch.tensor([1, 2]), torch.rand(2, 4)), table.weight[[1, 2]])


def test_a_voice_counts_more_than_the_id_and_an_id_stands_for_its_mean_voice() -> None:
    speakers, first = voices(), torch.tensor([[1.0, 0, 0, 0]])
    by_id, by_voice, both = (
        speakers(torch.tensor([1]), torch.zeros(1, 4)),
        speakers(torch.tensor([0]), first),
        speakers(torch.tensor([2]), first),
    )
    assert torch.equal(by_id, by_voice)
    assert torch.equal(by_id, both)
    assert torch.equal(by_id, speakers(torch.tensor([1]), torch.zeros(1, 0)))


def test_without_id_and_voice_the_speaker_is_unknown() -> None:
    speakers = voices()
    torch.nn.init.ones_(speakers.unknown)
    assert torch.equal(speakers(torch.tensor([0]), torch.zeros(1, 4)), torch.ones(1, 5))


def test_voices_apart_from_the_mean_of_all_reach_the_layer_at_the_order_of_one() -> None:
    speakers = voices()
    assert torch.equal(speakers.centre, torch.tensor([0.5, 0.5, 0, 0]))
    moved = speakers(torch.tensor([1]), torch.zeros(1, 0)) - speakers.layer.bias
    torch.testing.assert_close(moved, speakers.layer(torch.tensor([[1.0, -1.0, 0, 0]])) - speakers.layer.bias)
