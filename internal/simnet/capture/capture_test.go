package capture

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/acsgate/acsgate/internal/simnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPlayBothSides: the two sides of each capture, played against each other,
// are the capture.
func TestPlayBothSides(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			c := Load(name)
			a, err := simnet.NewACS(simnet.ACSConfig{Misbehave: c.Answers()})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- a.Run(ctx) }()
			defer func() {
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}()
			replies, err := c.Play(t.Context(), a.Addr())
			if err != nil {
				t.Fatal(err)
			}
			seen := a.Exchanges()
			for i, turn := range c.Turns() {
				if got := replies[i].Head + string(replies[i].Body); got != string(turn.Reply.Raw) {
					t.Errorf("%s: got %q", turn.Reply.Name, got)
				}
				if got := seen[i].Head + string(seen[i].Body); got != string(turn.Request.Raw) {
					t.Errorf("%s: ACS saw %q", turn.Request.Name, got)
				}
			}
		})
	}
}

// TestPlaySwapsCookies: the CPE returns the cookie that it was given.
func TestPlaySwapsCookies(t *testing.T) {
	swaps := map[string]string{"session=old": "gw=new", "gone=1": ""}
	m := Message{Raw: []byte("POST / HTTP/1.1\r\nHost: a\r\ncookie: session=old; Path=/\r\nCookie: gone=1\r\nX: session=old\r\n\r\nsession=old")}
	want := "POST / HTTP/1.1\r\nHost: a\r\ncookie: gw=new; Path=/\r\nX: session=old\r\n\r\nsession=old"
	if got := string(m.withCookies(swaps)); got != want {
		t.Errorf("got %q", got)
	}
}

func TestSessions(t *testing.T) {
	var counts []int
	for _, session := range Load("tr069agent").Sessions() {
		counts = append(counts, len(session))
	}
	if !slices.Equal(counts, []int{2, 2, 4}) { // the connection request between them is left out
		t.Errorf("sessions of %v turns", counts)
	}
	if _, err := Read(files, "testdata/none"); err == nil {
		t.Error("a missing folder is read")
	}
	if len(Names()) != 7 || strings.Contains(strings.Join(Names(), ""), ".") {
		t.Errorf("names %q", Names())
	}
}
