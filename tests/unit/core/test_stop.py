from labctl.core.stop import Stop


def test_who_listens_hears_each_time_that_the_run_is_asked():
    stop, heard = Stop(), []
    assert not stop.asked
    with stop.heard_by(lambda: heard.append(stop.at_once)):
        assert stop.ask()
        assert stop.ask()
    assert heard == [False, True]


def test_a_run_that_was_asked_before_it_listened_hears_it_at_once():
    stop, heard = Stop(), []
    assert not stop.ask()
    with stop.heard_by(lambda: heard.append("asked")):
        pass
    assert heard == ["asked"]
    assert not stop.ask(), "nobody listens any more"
