package campaign

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/policy"
)

// A device of whose URL it is certain that the campaign has set it is not
// forgotten by a rollback because cpe_url has changed since.
func TestRollBack_AfterCPEURLChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.start()
		defer f.stop()
		f.launch(byURL("move"))
		pass(2 * time.Second)
		f.rewrite(0, "http://gw/north", policy.MoveOutcome{Result: policy.MoveSet})
		f.sessionAt(0, "south", true, 0) // no BOOTSTRAP: its URL is read
		task, _ := f.Due(numbered(0))
		f.NoteRewrite(Rewritten{Device: numbered(0), Task: task, MoveOutcome: policy.MoveOutcome{Result: policy.MoveNotOurs, Detail: "the CPE has http://gw/old-south"}})
		synctest.Wait()
		f.wantState(0, Failed)
		f.do(f.RollBack, "move")
		pass(2 * time.Second)
		if task, ok := f.Due(numbered(0)); !ok || task.URL != "http://gw/north" {
			t.Errorf("%+v: %+v", task, f.member(0))
		}
	})
}
