package campaign

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// TestWriteBacks: an ACS that sets the former URL again and again is not fought
// over a CPE: the device has failed, for good, and is only moved back.
func TestWriteBacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := rewritten(t, 2)
		defer func() { f.stop() }()
		f.session(0, cwmp.EventBootstrap)
		write := func() {
			f.NoteWriteBack(numbered(0), "r", "south")
			synctest.Wait()
		}
		f.NoteWriteBack(numbered(0), "another", "south")
		for i := range policy.MaxWriteBacks {
			if r, ok := f.LastRewrite(numbered(0)); !ok || r.WriteBacks != i {
				t.Fatalf("%+v after %d", r, i)
			}
			f.wantState(0, Arrived)
			write()
			f.kill()
			f.start()
		}
		failed := func(when string) {
			t.Helper()
			r, ok := f.LastRewrite(numbered(0))
			m := f.member(0)
			if !ok || r.WriteBacks != policy.MaxWriteBacks || m.State != Failed || !strings.Contains(m.Reason, "south writes the former URL back") {
				t.Errorf("%s: %+v, %+v", when, r, m)
			}
			if task, ok := f.Due(numbered(0)); ok {
				t.Errorf("%s: %+v", when, task)
			}
			f.wantPlace(0, "south")
		}
		failed("at once")
		at := f.member(0).At
		pass(time.Minute)
		for range 300 {
			write()
		}
		failed("after many")
		f.session(0, cwmp.EventBootstrap) // went to and fro without the gateway
		pass(time.Hour)
		failed("at another bootstrap")
		if f.member(0).At != at {
			t.Error("write-backs make its guard longer")
		}
		f.do(f.RollBack, "r")
		pass(2 * time.Second)
		f.rewrite(0, "", isSet)
		f.session(0, cwmp.EventBootstrap)
		f.wantState(0, Undone)
	})
}

// TestWriteBacks_FailTheWave in which the devices are.
func TestWriteBacks_FailTheWave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 2)
		f.start()
		defer f.stop()
		f.launch(byURL("r"))
		pass(2 * time.Second)
		f.rewrite(0, northURL, isSet)
		f.session(0, cwmp.EventBootstrap)
		for range policy.MaxWriteBacks {
			f.NoteWriteBack(numbered(0), "r", "south")
		}
		f.rewrite(1, northURL, isSet)
		pass(3 * time.Second)
		f.wantStatus("r", Halted)
	})
}
