package campaign

import (
	"bytes"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/acsgate/acsgate/policy"
)

func blank() *campaign {
	c := &campaign{head: head{Definition: drain("c"), Status: Running, Phase: 1}, texts: newTexts(), unsure: new(atomic.Uint32)}
	c.Steps = make([]policy.WaveConfig, 3)
	return c
}

func TestDecodeRefuses(t *testing.T) {
	c := blank()
	good := c.encode(nil, &member{state: Set, flags: placed | changed, wave: 2, tries: 1, at: 77, url: c.texts.number("http://a/"), reason: c.texts.reason("why")})
	m, err := c.decode(good)
	if err != nil || m.state != Set || m.flags != placed|changed || m.wave != 2 || m.tries != 1 || m.at != 77 || c.texts.at(m.url) != "http://a/" || c.texts.at(m.reason) != "why" {
		t.Fatalf("%+v %v", m, err)
	}
	if _, err := c.decode(append(bytes.Clone(good), "more of a later version"...)); err != nil {
		t.Errorf("appended fields: %v", err)
	}
	edit := func(i int, b byte) []byte { x := bytes.Clone(good); x[i] = b; return x }
	for name, test := range map[string]struct {
		value []byte
		want  error
	}{
		"version": {edit(0, 9), errVersion}, "state": {edit(1, byte(numStates)), errState}, "wave": {edit(3, 3), errState},
		"cut": {good[:len(good)-4], errShort}, "long": {edit(6, 200), errShort},
	} {
		if _, err := c.decode(test.value); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	for i := range good {
		if _, err := c.decode(good[:i]); err == nil {
			t.Errorf("%d of %d bytes are taken", i, len(good))
		}
	}
}

func TestDecodeHeadRefuses(t *testing.T) {
	c := blank()
	good, err := c.head.encode()
	if err != nil {
		t.Fatal(err)
	}
	if h, err := decodeHead("c", good); err != nil || h.Name != "c" || h.Status != Running {
		t.Fatalf("%+v %v", h, err)
	}
	for _, pair := range [][2]string{
		{`"version":1`, `"version":2`}, {`"running"`, `"walking"`}, {`"name":"c"`, `"name":"d"`},
		{`"phase":1`, `"phase":3`}, {`"wave":0`, `"wave":3`}, {`{`, `[`},
	} {
		if _, err := decodeHead("c", []byte(strings.Replace(string(good), pair[0], pair[1], 1))); err == nil {
			t.Errorf("%s is taken", pair[1])
		}
	}
}

// FuzzDecode: what is read is written again as the same value, but for bytes of
// later versions and longer forms of numbers.
func FuzzDecode(f *testing.F) {
	c := blank()
	f.Add(c.encode(nil, &member{}))
	f.Add(c.encode(nil, &member{state: Failed, flags: 255, wave: 1, at: 1 << 31, url: c.texts.number("http://a/"), writeBacks: 2}))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, value []byte) {
		c := blank()
		m, err := c.decode(value)
		if err != nil {
			return
		}
		again := c.encode(nil, &m)
		n, err := c.decode(again)
		if err != nil || n != m {
			t.Fatalf("%x: %+v, again %+v %v", value, m, n, err)
		}
		if len(again) > len(value) {
			t.Fatalf("%x is longer when it is written again: %x", value, again)
		}
	})
}

func TestTextsAreBounded(t *testing.T) {
	x := newTexts()
	last := uint32(0)
	for i := range 3 * maxShared {
		url := strings.Repeat("x", i%7) + string(rune('a'+i%26)) + strings.Repeat("y", i/26)
		if n := x.number(url); x.at(n) != url[:min(len(url), maxText)] {
			t.Fatalf("%q became %q", url, x.at(n))
		}
		last = x.reason("reason of " + url)
	}
	if len(x.shared) > maxShared || x.at(last) != manyReasons {
		t.Errorf("%d shared texts, the last reason is %q", len(x.shared), x.at(last))
	}
}
