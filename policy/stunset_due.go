package policy

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"net/url"
	"time"
)

// STUNRecord is what is kept of the attempts to give a device settings. The zero
// value is that of a device that was never given any.
type STUNRecord struct {
	Fingerprint     string     // of the settings
	SoftwareVersion string     // that the device had
	Result          STUNResult // of the last attempt
	Runs            int        // attempts with these settings and this software
	At              time.Time  // of the last one
}

// Bounds of attempts. A device that does not keep its settings, or whose ACS
// takes them back, is not asked for ever: MaxSTUNRuns attempts, each a while
// after the one before.
const (
	MaxSTUNRuns    = 5
	stunFirstRetry = 10 * time.Minute
	stunLastRetry  = 24 * time.Hour
)

// Fingerprint tells settings apart. Passwords have no part in it.
func (s STUNSettings) Fingerprint() string {
	s = s.Clamped()
	username := ""
	if s.Username != nil {
		username = "=" + *s.Username
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%v\x00%q\x00%d\x00%q\x00%d\x00%d\x00%v\x00%d", s.Enable, s.Server, s.Port, username, s.MinKeepAlive, s.MaxKeepAlive, s.Notify, s.Generation)
	return fmt.Sprintf("%016x", h.Sum64())
}

// Due tells whether a device is to be given settings in this session, and why.
// bootstrapped says that the session is one of "0 BOOTSTRAP", after which a CPE
// may have lost what it was given.
func (r STUNRecord) Due(s STUNSettings, software string, bootstrapped bool, now time.Time) (due bool, why string) {
	settled := r.Result == STUNDone || r.Result == STUNAlready
	switch {
	case r.Fingerprint == "":
		return true, "never tried"
	case r.Fingerprint != s.Fingerprint():
		return true, "the settings are new"
	case settled && !bootstrapped:
		return false, "the CPE has the settings"
	case !settled && r.SoftwareVersion != software:
		return true, "the software is new"
	case r.Result == STUNUnsupported:
		return false, "the CPE has no STUN"
	case r.Runs >= MaxSTUNRuns:
		return false, fmt.Sprintf("given up after %d attempts, the last: %s", r.Runs, r.Result)
	}
	if next := r.At.Add(r.delay()); now.Before(next) {
		return false, fmt.Sprintf("the last attempt ended: %s; the next is not before %s", r.Result, next.UTC().Format(time.DateTime))
	}
	if settled {
		return true, "the CPE has bootstrapped"
	}
	return true, fmt.Sprintf("attempt %d, the last ended: %s", r.Runs+1, r.Result)
}

// delay is how long to wait after the last attempt.
func (r STUNRecord) delay() time.Duration {
	wait := stunFirstRetry
	for range min(r.Runs, MaxSTUNRuns) - 1 {
		wait *= 4
	}
	return min(wait, stunLastRetry)
}

// After returns the record after an attempt. One that ended before anything was
// to be set does not count.
func (r STUNRecord) After(o STUNOutcome, s STUNSettings, software string, now time.Time) STUNRecord {
	if o.Result == STUNNotTried {
		return r
	}
	next := STUNRecord{Fingerprint: s.Fingerprint(), SoftwareVersion: software, Result: o.Result, Runs: 1, At: now}
	if r.Fingerprint == next.Fingerprint && r.SoftwareVersion == software {
		next.Runs += r.Runs
	}
	return next
}

// BehindNAT tells whether a CPE's Connection Requests need STUN: its session
// comes from another address than its ConnectionRequestURL names. A host that is
// a name, or another family of addresses than the session's, tells nothing.
func BehindNAT(source netip.Addr, connectionRequestURL string) (behind bool, why string) {
	source = source.Unmap().WithZone("")
	u, err := url.Parse(connectionRequestURL)
	if err != nil || u.Hostname() == "" {
		return false, "the CPE tells no ConnectionRequestURL"
	}
	host, err := netip.ParseAddr(u.Hostname())
	host = host.Unmap().WithZone("")
	switch {
	case err != nil:
		return false, "its ConnectionRequestURL names no address"
	case !source.IsValid() || host.Is4() != source.Is4():
		return false, "its ConnectionRequestURL and its session use different families of addresses"
	case host == source:
		return false, "its ConnectionRequestURL has the address of its session"
	}
	return true, "its ConnectionRequestURL has " + host.String() + ", its session comes from " + source.String()
}
