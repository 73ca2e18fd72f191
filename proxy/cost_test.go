package proxy

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/httpwire"
)

// held is the memory in use after a collection.
func held() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestWhatASessionKeeps is little, however large the messages and the heads
// were that it came from.
func TestWhatASessionKeeps(t *testing.T) {
	long := strings.Repeat("x", 400<<10)
	filler := "X-Filler: " + strings.Repeat("y", 20<<10)
	for name, tc := range map[string]struct {
		request string
		answer  string
	}{
		"parameter":     {post(bigInform(long)), ""},
		"digest answer": {post(inform("%d"), filler, digestLine("n-%d", "u")), challenge("n-%d")},
		"nonce":         {post(inform("%d")), strings.Replace(challenge("n-%d"), "Content", filler+"\r\nConnection: close\r\nContent", 1)},
		"cookie":        {post(inform("%d")), xml200([]byte("<x/>"), "Set-Cookie: a=b", filler, "Connection: close")},
		"long cookie":   {post(inform("%d")), xml200([]byte("<x/>"), "Set-Cookie: a="+strings.Repeat("c", 30<<10), "Connection: close")},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			acs := newACS(t, func(r seen) string {
				n++
				if tc.answer == "" {
					return plainACS(r)
				}
				return strings.ReplaceAll(tc.answer, "%d", fmt.Sprintf("%02d", n))
			})
			acs.forget = true
			g := newGate(t, []*fakeACS{acs})
			const sessions = 40
			g.dial().ask(strings.ReplaceAll(tc.request, "%d", "00"))
			before := held()
			for i := range sessions {
				p := g.dial()
				p.ask(strings.ReplaceAll(tc.request, "%d", fmt.Sprintf("%02d", i+10)))
				p.hangUp()
			}
			if g.SessionCount("") != sessions+1 {
				t.Fatalf("%d sessions", g.SessionCount(""))
			}
			each := (held() - before) / sessions
			for range 100 { // connections that are being closed hold buffers for a moment
				if each <= 20<<10 {
					return
				}
				time.Sleep(10 * time.Millisecond)
				each = (held() - before) / sessions
			}
			t.Errorf("a session keeps %d bytes", each)
		})
	}
}

func bigInform(value string) string {
	return string(cwmp.Inform(cwmp.DefaultDialect, "1", cwmp.InformData{
		Device: device("%d"), Events: []cwmp.Event{{Code: cwmp.EventBoot}},
		Params: []cwmp.Param{{Name: "InternetGatewayDevice.ManagementServer.ConnectionRequestURL", Value: value}},
	}))
}

// TestHeadsAreReadInLinearTime: what is made of a head costs no more than its
// size, whatever it is filled with.
func TestHeadsAreReadInLinearTime(t *testing.T) {
	names := ""
	for i := range 100 {
		names += fmt.Sprintf("\r\nX-%d: 1", i)
	}
	for name, tc := range map[string]struct {
		fields string
		status int
	}{
		"folded lines":      {"X-Folded: a" + strings.Repeat("\r\n b", 6000), 400},
		"connection tokens": {"Connection: " + strings.Repeat("a,", 14000) + names, 200},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, []*fakeACS{newACS(t, nil)})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			statusOf(t, g.dial().ask(post(inform("1"), tc.fields)), tc.status)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
				t.Errorf("%d bytes were allocated for a head of 32 KB", got)
			}
		})
	}
}

// TestConnectionNamesFew: fields are looked up in a Connection field of sane
// length alone.
func TestConnectionNamesFew(t *testing.T) {
	many := httpwire.Fields{{Name: "Connection", Value: strings.Repeat("a,", 10000) + "X-Own"}}
	few := httpwire.Fields{{Name: "Connection", Value: "close, X-Own"}}
	if named(many, "X-Own") || !named(few, "X-Own") {
		t.Error("a Connection field of 20 KB is searched for every other field, or a short one is not")
	}
}
