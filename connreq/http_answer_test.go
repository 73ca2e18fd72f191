package connreq

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReadAnswerInPieces(t *testing.T) {
	for name, tt := range map[string]struct {
		raw        string
		status     int
		challenges []string
		whole      bool
	}{
		"easycwmp":       {easycwmp401, 401, []string{`Digest realm="realm@easycwmp",qop="auth",nonce="8c9da51c5d441d1623774a063045303300001194",opaque="328458fab28345ae87ab3210a8513b14eff452a2"`}, true},
		"C-87: Orange":   {orange401, 401, []string{`Digest realm="liveboxrealm", qop="auth", nonce="MrBySBgKVlqY2eZirVHnHXYjO0BZIb1kqs", opaque="EmVl0kakKQkXBsOZFIPyRSEN7yzHDug8"`}, false},
		"two fields":     {"HTTP/1.1 401 U\r\nwww-authenticate: A\r\nX: y\r\nWWW-Authenticate : B\r\n\r\n", 401, []string{"A", "B"}, true},
		"mixed endings":  {"\r\n\nHTTP/1.1 204 \nX: y\r\n\n", 204, nil, true},
		"status alone":   {"HTTP/1.1 200 OK", 200, nil, false},
		"body in pieces": {"HTTP/1.1 200 OK\n\r\nbody\n\n", 200, nil, true},
	} {
		for _, reader := range []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader,
		} {
			named := 0
			a, err := readAnswer(reader(strings.NewReader(tt.raw)), func() { named++ })
			if err != nil || a.Status != tt.status || a.whole != tt.whole || !cmp.Equal(a.challenges(), tt.challenges) {
				t.Errorf("%s: %+v, %v", name, a, err)
			}
			if want := min(1, strings.Count(strings.TrimLeft(tt.raw, "\r\n"), "\n")); named != want {
				t.Errorf("%s: status line announced %d times", name, named)
			}
		}
	}
}

// TestReadAnswerCutOff wants half a line to be dropped when the connection breaks:
// an answer to half a nonce would count as a wrong login.
func TestReadAnswerCutOff(t *testing.T) {
	broken := errors.New("broken")
	cut := strings.Index(orange401, "KVlq")
	a, err := readAnswer(io.MultiReader(strings.NewReader(orange401[:cut]), iotest.ErrReader(broken)), func() {})
	if err != nil || a.Status != 401 || strings.Contains(strings.Join(a.challenges(), ""), "nonce") {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := readAnswer(io.MultiReader(strings.NewReader("HTTP/1.1 200"), iotest.ErrReader(broken)), func() {}); !errors.Is(err, broken) {
		t.Errorf("no whole status line: %v", err)
	}
}

// FuzzReadAnswer compares with net/http where that can read the answer, and wants
// the same whatever the pieces in which the answer comes.
func FuzzReadAnswer(f *testing.F) {
	for _, seed := range []string{easycwmp401, netcwmp401, orange401, arris401, easycwmp200, orange200, "\r\nHTTP/1.1 200 OK\n\r\n", "HTTP/1.1 0200\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := readAnswer(bytes.NewReader(raw), func() {})
		if len(raw) < maxAnswer { // beyond, it depends on the pieces when the limit is met
			b, other := readAnswer(iotest.OneByteReader(bytes.NewReader(raw)), func() {})
			if (err == nil) != (other == nil) || a.Status != b.Status || !cmp.Equal(a.challenges(), b.challenges()) {
				t.Errorf("whole: %+v, %v; in pieces: %+v, %v", a, err, b, other)
			}
		}
		if err != nil {
			return
		}
		if a.Status < 100 || a.Status > 999 || a.rest < 0 || a.rest > len(raw) {
			t.Fatalf("%+v", a)
		}
		std, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
		if err != nil || std.ProtoMajor != 1 || !a.whole {
			return
		}
		if std.StatusCode != a.Status {
			t.Errorf("status %d, net/http reads %d", a.Status, std.StatusCode)
		}
		if want := std.Header.Values("WWW-Authenticate"); len(want) > 0 && len(a.challenges()) == len(want) && !cmp.Equal(a.challenges(), want) {
			t.Errorf("challenges %q, net/http reads %q", a.challenges(), want)
		}
	})
}
