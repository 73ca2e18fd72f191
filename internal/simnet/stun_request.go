package simnet

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // TR-111 names HMAC-SHA1
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Rules that a UDP Connection Request can break, as in RefusedError.Rule.
const (
	RuleForm      = "form"      // not found, or not of the expected form
	RuleLength    = "length"    // too long or too short
	RuleUsername  = "username"  // of somebody else
	RuleTimestamp = "timestamp" // older than, or as old as, the last
	RuleID        = "id"        // used before, or no number
	RuleSignature = "signature"
	RuleRate      = "rate" // valid, but too soon
	RuleCopy      = "copy" // a copy of the last one that was taken
)

// RefusedError tells which rule of a client a UDP Connection Request breaks.
type RefusedError struct{ Rule, Detail string }

// Error implements error.
func (e *RefusedError) Error() string { return e.Rule + ": " + e.Detail }

func refuse(rule, format string, args ...any) error {
	return &RefusedError{rule, fmt.Sprintf(format, args...)}
}

// RequestRules is how one client reads UDP Connection Requests and what it
// demands of them (protocol notes 4.6).
type RequestRules struct {
	form     func(datagram string) (requestFields, error)
	rules    func(*RequestChecker, *requestFields) error
	min, max int // length of the datagram, bytes; 0 for no limit
	// unguarded takes any request while user name or password is empty.
	unguarded bool
	// window is the least time between two requests; each one starts it anew.
	window time.Duration
}

// requestFields are the arguments of a UDP Connection Request. The numbers are
// the client's reading of the texts, and text is what it signs.
type requestFields struct {
	ts, id, un, cn, sig string
	tsNumber, idNumber  int64
	text                string
}

// RequestChecker decides as one CPE does which UDP Connection Requests it takes.
// It is not safe for concurrent use.
type RequestChecker struct {
	rules              RequestRules
	username, password string

	any      bool // one has been taken
	last     requestFields
	previous time.Time // when the last one came, for window
}

// NewRequestChecker returns the checks of a client whose
// ConnectionRequestUsername and ConnectionRequestPassword are given.
func (p *STUNProfile) NewRequestChecker(username, password string) *RequestChecker {
	return &RequestChecker{rules: p.Request, username: username, password: password}
}

// Check takes a datagram. The error, always a *RefusedError, says why it is
// refused.
func (c *RequestChecker) Check(datagram []byte, now time.Time) error {
	r := &c.rules
	if n := len(datagram); r.min > 0 && n < r.min || r.max > 0 && n > r.max {
		return refuse(RuleLength, "%d bytes, client takes %d to %d", n, r.min, r.max)
	}
	f, err := r.form(string(datagram))
	if err != nil {
		return err
	}
	if f.text == "" {
		f.text = f.ts + f.id + f.un + f.cn
	}
	if r.unguarded && (c.username == "" || c.password == "") {
		c.remember(&f)
		return c.limit(now)
	}
	if err := r.rules(c, &f); err != nil {
		return err
	}
	c.remember(&f)
	return c.limit(now)
}

func (c *RequestChecker) remember(f *requestFields) { c.any, c.last = true, *f }

// limit applies the bounds on rate to a valid request.
func (c *RequestChecker) limit(now time.Time) error {
	r := &c.rules
	if r.window > 0 {
		tooSoon := !c.previous.IsZero() && now.Sub(c.previous) < r.window
		c.previous = now // also of one that is refused: the window is pushed out
		if tooSoon {
			return refuse(RuleRate, "sooner than %v after the last", r.window)
		}
	}
	return nil
}

// checkUser compares the user name as it stands, without decoding.
func (c *RequestChecker) checkUser(f *requestFields) error {
	if f.un != c.username {
		return refuse(RuleUsername, "un is %q", f.un)
	}
	return nil
}

// checkSignature compares the first digits of the signature, in either case.
func (c *RequestChecker) checkSignature(f *requestFields, digits int) error {
	h := hmac.New(sha1.New, []byte(c.password))
	h.Write([]byte(f.text))
	want := hex.EncodeToString(h.Sum(nil))
	if len(f.sig) < digits || !strings.EqualFold(f.sig[:digits], want[:digits]) {
		return refuse(RuleSignature, "sig is not HMAC-SHA1 of %q", f.text)
	}
	return nil
}

// checkOrder demands a ts that is newer than the last, or as new where equal is
// allowed, and another id. All of the last one again is a copy.
func (c *RequestChecker) checkOrder(f *requestFields, equal bool) error {
	if !c.any {
		return nil
	}
	switch last := &c.last; {
	case f.ts == last.ts && f.id == last.id && f.cn == last.cn:
		return refuse(RuleCopy, "id %s again", f.id)
	case f.tsNumber < last.tsNumber || f.tsNumber == last.tsNumber && !equal:
		return refuse(RuleTimestamp, "ts %d after %d", f.tsNumber, last.tsNumber)
	case f.idNumber == last.idNumber:
		return refuse(RuleID, "id %d again", f.idNumber)
	}
	return nil
}

func length40(f *requestFields) error {
	if len(f.sig) != 2*sha1.Size {
		return refuse(RuleSignature, "sig has %d digits", len(f.sig))
	}
	return nil
}

// inOrder runs checks up to the first that fails.
func inOrder(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// strictRules are those of TR-111 2.2.3 in their strictest reading.
func strictRules(c *RequestChecker, f *requestFields) error {
	return inOrder(
		func() error { return c.checkUser(f) },
		func() error { return length40(f) },
		func() error { return c.checkSignature(f, 40) },
		func() error { return c.checkOrder(f, false) },
	)
}

// worksRules demand a newer ts and another id of everybody.
func worksRules(c *RequestChecker, f *requestFields) error {
	return inOrder(
		func() error { return c.checkUser(f) },
		func() error { return length40(f) },
		func() error { return c.checkOrder(f, false) },
		func() error { return c.checkSignature(f, 40) },
	)
}

// cwmpcRules know no order in time: they only drop what they had last.
func cwmpcRules(c *RequestChecker, f *requestFields) error {
	if c.any && f.idNumber == c.last.idNumber && f.tsNumber == c.last.tsNumber && f.cn == c.last.cn {
		return refuse(RuleCopy, "id %d again", f.idNumber)
	}
	return inOrder(
		func() error { return c.checkUser(f) },
		func() error { return c.checkSignature(f, 40) },
	)
}

// icwmpRules store ts and id of a request before they know who made it, so that
// a forged ts of the far future locks the client out (quirk S-44).
func icwmpRules(c *RequestChecker, f *requestFields) error {
	if f.idNumber == 0 {
		return refuse(RuleID, "id is 0")
	}
	if err := c.checkOrder(f, false); err != nil {
		return err
	}
	c.remember(f)
	return inOrder(
		func() error { return c.checkUser(f) },
		func() error { return c.checkSignature(f, 40) },
	)
}

// rdkbRules compute the signature, but the comparison that follows never fails.
func rdkbRules(c *RequestChecker, f *requestFields) error {
	if c.any && f.idNumber == c.last.idNumber {
		return refuse(RuleCopy, "id %d again", f.idNumber)
	}
	if c.any && f.tsNumber < c.last.tsNumber {
		return refuse(RuleTimestamp, "ts %d after %d", f.tsNumber, c.last.tsNumber)
	}
	if err := c.checkUser(f); err != nil {
		return err
	}
	return length40(f)
}

// orangeRules look at the first half of the signature.
func orangeRules(c *RequestChecker, f *requestFields) error {
	return inOrder(
		func() error { return c.checkUser(f) },
		func() error { return c.checkOrder(f, true) },
		func() error { return c.checkSignature(f, 20) },
	)
}
