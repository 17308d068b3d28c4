"""Tokens of the authorisation server in any order of operations: a refresh token is valid once, until it expires."""

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, consumes, invariant, multiple, rule

from local.portal.oauth.installations import Installation
from local.portal.oauth.tokens import ACCESS_S, CODE_S, REFRESH_S, Pair, Tokens

INSTALLATION = Installation(1, "local.1", 1, "application token")


class TokenLife(RuleBasedStateMachine):
    """Compares `Tokens` with a model: which pairs may be renewed, and until when."""

    pairs = Bundle("pairs")
    codes = Bundle("codes")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_700_000_000.0
        self.tokens = Tokens()
        self.renewable: dict[str, float] = {}

    def _issued(self, pair: Pair) -> Pair:
        assert pair.refresh_token not in self.renewable
        self.renewable[pair.refresh_token] = self.now + REFRESH_S
        found = self.tokens.of_access(pair.access_token)
        assert found == pair
        assert found.expires_at == self.now + ACCESS_S
        return pair

    @rule(target=pairs, user_id=st.integers(1, 3))
    def issue(self, user_id: int) -> Pair:
        return self._issued(self.tokens.issue(INSTALLATION, user_id, self.now, ACCESS_S))

    @rule(target=pairs, pair=pairs)
    def refresh(self, pair: Pair) -> Pair:
        found = self.tokens.of_refresh(pair.refresh_token, self.now)
        may = self.now < self.renewable.get(pair.refresh_token, 0)
        assert (found is not None) == may
        if found is None:
            return pair
        renewed = self.tokens.renew(found, self.now)
        assert (renewed.user_id, renewed.installation) == (pair.user_id, pair.installation)
        del self.renewable[pair.refresh_token]
        return self._issued(renewed)

    @rule(target=codes, user_id=st.integers(1, 3))
    def issue_a_code(self, user_id: int) -> tuple[str, float]:
        return self.tokens.new_code(INSTALLATION, user_id, self.now), self.now + CODE_S

    @rule(target=pairs, code=consumes(codes))
    def exchange(self, code: tuple[str, float]) -> Pair | MultipleResults[Pair]:
        text, until = code
        known = self.tokens.of_code(text, self.now) is not None
        assert known == (self.now < until)
        if not known:
            return multiple()
        pair = self._issued(self.tokens.exchange(text, self.now))
        assert self.tokens.of_code(text, self.now) is None
        return pair

    @rule(user_id=st.integers(1, 3), refresh=st.booleans())
    def end(self, user_id: int, *, refresh: bool) -> None:
        ended = [pair for pair in self.tokens_of(user_id) if refresh]
        self.tokens.expire(lambda pair: pair.user_id == user_id, refresh=refresh)
        for token in ended:
            self.renewable[token] = 0

    def tokens_of(self, user_id: int) -> list[str]:
        found = ((token, self.tokens.of_refresh(token, self.now)) for token in self.renewable)
        return [token for token, pair in found if pair and pair.user_id == user_id]

    @rule(seconds=st.sampled_from([1.0, CODE_S, ACCESS_S, REFRESH_S]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def every_secret_is_known(self) -> None:
        assert self.renewable.keys() <= self.tokens.issued


TestTokenLife = TokenLife.TestCase
