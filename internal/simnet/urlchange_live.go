package simnet

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Life says how CPE.Live goes on. The zero value waits as a CPE does.
type Life struct {
	// Sessions is how many sessions may succeed before Live gives up with
	// ErrRestless; 20 when zero.
	Sessions int
	// Retries is how often in a row a failed session is tried again; 10 when
	// zero, without end when negative.
	Retries int
	// Wait is waited before a retry; nil sleeps. See NoWait.
	Wait func(ctx context.Context, d time.Duration) error
	// Random places a wait in its range, from 0 to 1; nil means rand.Float64.
	Random func() float64
	// Done is told of each session as it ends. Optional.
	Done func(Held)
}

// Held is one session of CPE.Live.
type Held struct {
	URL    string // of ManagementServer at its beginning
	Retry  int    // RetryCount of its Inform
	Result Result
	Err    error
	Wait   time.Duration // before the next attempt; zero when there is none, or at once
}

// ErrRestless says that a CPE was left with something to tell after each of the
// sessions it was allowed, as one between two ACSs that both set its URL.
var ErrRestless = errors.New("CPE wants ever more sessions")

// NoWait is a Life.Wait that does not.
func NoWait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// maxHeld bounds what Live returns, the latest.
const maxHeld = 1000

// Live holds a session with the events, as Session does, then all those that
// follow from it: at the new URL after a change, with the events that a Reboot
// or Download leaves, again after a failure by the table of protocol notes 1.8.
// It returns when nothing is pending, with the sessions in their order. The
// error is the last session's, ErrRestless, or the context's.
func (c *CPE) Live(ctx context.Context, life Life, events ...string) ([]Held, error) {
	life.setDefaults()
	var all []Held
	for succeeded, failed := 0, 0; ; {
		h := Held{URL: c.URL(), Retry: c.retries}
		h.Result, h.Err = c.Session(ctx, events...)
		events = nil
		end, err := false, error(nil)
		switch {
		case h.Err == nil:
			succeeded, failed = succeeded+1, 0
			if end = !c.Pending(); !end && succeeded == life.Sessions {
				end, err = true, ErrRestless
			}
		case ctx.Err() != nil:
			end, err = true, ctx.Err()
		default:
			failed++
			if end = life.Retries >= 0 && failed > life.Retries; end {
				err = fmt.Errorf("%d sessions failed in a row: %w", failed, h.Err)
			} else if c.URL() == h.URL { // a change of URL is an event, and ends the wait
				h.Wait = max(c.RetryWait(life.Random()), retryAfter(h.Err))
			}
		}
		all = keepHeld(all, h)
		if life.Done != nil {
			life.Done(h)
		}
		if end {
			return all, err
		}
		if h.Wait > 0 {
			if err := life.Wait(ctx, h.Wait); err != nil {
				return all, err
			}
		}
	}
}

func (l *Life) setDefaults() {
	setDefault(&l.Sessions, 20)
	setDefault(&l.Retries, 10)
	if l.Wait == nil {
		l.Wait = sleep
	}
	if l.Random == nil {
		l.Random = rand.Float64
	}
}

func keepHeld(all []Held, h Held) []Held {
	if len(all) == maxHeld {
		all = slices.Delete(all, 0, 1)
	}
	return append(all, h)
}

// lastRetry is where the table of retries ends.
const lastRetry = 10

// RetryWait is how long the CPE waits after a failed session, placed by random
// from 0 to 1 in the range of this retry: from m·k^(n-1) to m·k^n, the tenth's
// from then on. m and k are the CPE's CWMPRetryMinimumWaitInterval and
// CWMPRetryIntervalMultiplier, 5 s and 2 where its model lacks them. It is zero
// when the last session succeeded. Protocol notes 1.8.
func (c *CPE) RetryWait(random float64) time.Duration {
	if c.retries == 0 {
		return 0
	}
	n := float64(min(c.retries, lastRetry))
	minimum := c.number("CWMPRetryMinimumWaitInterval", 5)
	multiplier := c.number("CWMPRetryIntervalMultiplier", 2000) / 1000
	low, high := minimum*math.Pow(multiplier, n-1), minimum*math.Pow(multiplier, n)
	seconds := min(low+random*(high-low), maxRetryWait.Seconds())
	return time.Duration(seconds * float64(time.Second))
}

// maxRetryWait keeps settings that nobody means within a time.Duration.
const maxRetryWait = 365 * 24 * time.Hour

// number reads a setting of the ManagementServer.
func (c *CPE) number(parameter string, otherwise float64) float64 {
	p, _ := c.tree.Get(c.nameOf(parameter))
	n, err := strconv.ParseUint(p.Value, 10, 16)
	if err != nil || n == 0 {
		return otherwise
	}
	return float64(n)
}
