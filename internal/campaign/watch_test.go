package campaign

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// setClock sets the clock of the gateway.
func (f *fixture) setClock(by time.Duration) {
	f.ahead.Add(int64(by))
	pass(2 * time.Second)
}

// TestClockStep_DevicesAreNotOverdue: when the clock is set, those whose URL was
// set have the whole time from then on, and no more.
func TestClockStep_DevicesAreNotOverdue(t *testing.T) {
	for _, by := range []time.Duration{5 * time.Hour, -5 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, 3)
				f.start()
				defer f.stop()
				d := byURL("r")
				d.Criteria = policy.Criteria{Arrived: 100, Within: time.Hour, MinSample: 1, FaultRate: new(100.0)}
				f.launch(d)
				pass(2 * time.Second)
				for i := range 2 {
					f.rewrite(i, northURL, isSet)
				}
				pass(10 * time.Minute)
				f.setClock(by)
				f.wantState(0, Set)
				f.wantStatus("r", Running)
				pass(25 * time.Minute)
				f.session(0, cwmp.EventBootstrap)
				f.wantState(0, Arrived)
				f.wantState(1, Set)
				pass(10 * time.Minute)
				f.wantState(1, Failed)
				f.wantStatus("r", Running) // 47 minutes have passed
				pass(20 * time.Minute)
				if v := f.wantStatus("r", Halted); !strings.Contains(v.Reason, "after 1h0m0s") {
					t.Errorf("%+v", v)
				}
			})
		})
	}
}

// TestClockStep_DoesNotRewriteEarly what is to be routed for a week.
func TestClockStep_DoesNotRewriteEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 1)
		f.start()
		defer f.stop()
		d := drain("two")
		d.Mode, d.RewriteAfter = RouteThenRewrite, 2*time.Hour
		f.launch(d)
		pass(time.Second)
		f.session(0)
		pass(5 * time.Second)
		f.setClock(24 * time.Hour)
		if v := f.wantStatus("two", Running); v.Phase != 1 {
			t.Errorf("%+v", v)
		}
		pass(2 * time.Hour)
		if v := f.wantStatus("two", Running); v.Phase != 2 {
			t.Errorf("%+v", v)
		}
	})
}

// TestGatewayWasAway: nobody has watched, so nobody is overdue.
func TestGatewayWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, 2)
		f.start()
		defer func() { f.stop() }()
		f.launch(byURL("r"))
		pass(2 * time.Second)
		for i := range 2 {
			f.rewrite(i, northURL, isSet)
		}
		f.kill()
		pass(24 * time.Hour)
		f.start()
		pass(10 * time.Minute)
		f.session(0, cwmp.EventBootstrap)
		f.wantState(0, Arrived)
		f.wantState(1, Set)
		pass(21 * time.Minute)
		f.wantState(1, Failed)
	})
}

// A slow look is no step of the clock; neither is one that time alone makes.
func TestWatch(t *testing.T) {
	began := time.Now()
	var w watch
	w.look(began)
	for _, test := range []struct {
		now  time.Time
		want time.Duration
	}{
		{began.Add(10 * time.Second), 0},
		{began.Add(8 * time.Second), 0},
		{began.Add(2 * time.Hour), 2*time.Hour - 23*time.Second}, // asleep, by the monotonic clock as well
		{began.Round(0).Add(2*time.Hour + time.Second), 0},
		{began.Round(0), -2*time.Hour - time.Second},
	} {
		if got := w.look(test.now); got != test.want {
			t.Errorf("%v: a step of %v, want %v", test.now.Sub(began), got, test.want)
		}
		if test.want != 0 && !w.since.Equal(test.now) {
			t.Errorf("%v: watched since %v", test.now.Sub(began), w.since.Sub(began))
		}
	}
}

// TestSetBack_ConnectionLost: from the moment at which its URL is set back, a
// device belongs to the ACS that it returns to, by whichever URL it comes.
func TestSetBack_ConnectionLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := rewritten(t, 3)
		defer func() { f.stop() }()
		for i := range 3 {
			f.session(i, cwmp.EventBootstrap)
		}
		f.do(f.RollBack, "r")
		pass(2 * time.Second)
		lost := policy.MoveOutcome{Result: policy.MoveUnknown, Detail: "the connection was lost"}
		for i := range 3 {
			f.wantPlace(i, "south")
			f.rewrite(i, "", lost)
			f.wantPlace(i, "")
		}
		f.kill()
		f.start()
		f.wantPlace(0, "")
		f.rewrite(0, "", policy.MoveOutcome{Result: policy.MoveAlready, Detail: "it has that URL"})
		f.wantState(0, Undone)
		f.rewrite(1, "", policy.MoveOutcome{Result: policy.MoveFault, Detail: "9007"})
		f.wantState(1, Failed)
		f.wantPlace(1, "south") // where its URL leads
		f.do(f.Cancel, "r")
		pass(2 * time.Second)
		f.wantState(2, Failed)
		f.wantPlace(2, "") // nobody knows
	})
}
