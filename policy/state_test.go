package policy

import "testing"

func TestState_Names(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range States() {
		if seen[s.String()] || s.String() == State(99).String() {
			t.Errorf("state %d has no name of its own: %v", s, s)
		}
		seen[s.String()] = true
	}
	if len(seen) != 4 || States()[Recovering] != Recovering {
		t.Errorf("states %v", States())
	}
}
