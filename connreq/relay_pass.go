package connreq

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Limits of what ACSs may have sent. An ACS that wakes its whole fleet stays
// below them.
const (
	relayPerSecond  = 10_000           // datagrams of all ACSs together
	relayRequests   = 4                // different requests for one device in a row: GenieACS makes one per login
	relayCopies     = 5                // identical datagrams in a row; shipping ACSs send three
	relayCopyRefill = 10 * time.Second // until a further copy passes
	maxAhead        = 24 * time.Hour   // that an ACS's clock may be fast
)

// Further refusals, of what is a Connection Request.
const (
	refusedSource  Refusal = "source"     // not from acs_networks
	refusedDevice  Refusal = "device"     // names no device that is known
	refusedBinding Refusal = "no_binding" // the device has none that may be used
	refusedLength  Refusal = "length"     // longer than CPEs read, once the address is written into it
	refusedClock   Refusal = "clock"      // ts is far in the future and would lock the CPE out (quirk S-44)
	refusedRate    Refusal = "rate"       // too many of all ACSs
	refusedDevRate Refusal = "device_rate"
	refusedCopies  Refusal = "copies"
	refusedSend    Refusal = "send" // the socket did not take it
)

// passer sends the Connection Requests of ACSs to CPEs: from the STUN socket that
// has the device's binding, to that binding and nowhere else (quirk S-38).
type passer struct {
	deps     *acsDeps
	total    *rate.Limiter
	requests *buckets
	copies   *buckets
}

func newPasser(cfg *Config, deps *acsDeps) *passer {
	return &passer{
		deps:     deps,
		total:    rate.NewLimiter(relayPerSecond, relayPerSecond),
		requests: newBuckets(relayRequests, cfg.MinInterval, cfg.Max),
		copies:   newBuckets(relayCopies, relayCopyRefill, cfg.Max),
	}
}

// cleared is a datagram that may go.
type cleared struct {
	device        cwmp.DeviceID
	local, remote netip.AddrPort
	stale         bool
	payload       []byte
	first         bool // not a copy
	ts            int64
	id            uint32
}

// clear decides whether the datagram may go to the device, and writes it as the
// CPE is to see it. The error is a Refusal.
func (p *passer) clear(id cwmp.DeviceID, d *Datagram, now time.Time) (cleared, error) {
	if !p.total.AllowN(now, 1) {
		return cleared{}, refusedRate
	}
	if ahead(d.TS, now) > maxAhead {
		return cleared{}, refusedClock
	}
	first, err := p.count(id, d, now)
	if err != nil {
		return cleared{}, err
	}
	target, ok := p.deps.Target(id)
	switch {
	case !ok:
		return cleared{}, refusedDevice
	case !target.Local.IsValid() || checkUDPTarget(&target) != nil:
		return cleared{}, refusedBinding
	}
	payload := d.To(target.Remote)
	if len(payload) > maxToCPE && d.Slash {
		short := *d
		short.Slash = false // TR-111 has none
		payload = short.To(target.Remote)
	}
	if len(payload) > maxToCPE {
		return cleared{}, refusedLength
	}
	return cleared{id, target.Local, target.Remote, target.Stale, payload, first, d.TS, d.ID}, nil
}

// count limits the requests of one device, and the copies of one request. first
// tells that the datagram is no copy.
func (p *passer) count(id cwmp.DeviceID, d *Datagram, now time.Time) (first bool, err error) {
	device := id.Key()
	request := hash(p.copies, struct {
		device cwmp.Key
		query  string
	}{device, d.Query})
	_, first = p.copies.left(request, now)
	if first && !p.requests.take(hash(p.requests, device), now) {
		return false, refusedDevRate
	}
	if !p.copies.take(request, now) {
		return false, refusedCopies
	}
	return first, nil
}

// send sends what was cleared, and tells the core of its ts and id, which the
// gateway's own requests must not fall behind (quirk S-32).
func (p *passer) send(c *cleared) error {
	if err := p.deps.SendUDP(c.local, c.remote, c.payload); err != nil {
		return refusedSend
	}
	if c.first {
		c.first = false
		p.deps.NoteRelayed(c.device, c.ts, c.id)
	}
	return nil
}

// ahead is how far a ts in seconds, or in milliseconds if it is too large for
// that (quirk S-33), lies in the future.
func ahead(ts int64, now time.Time) time.Duration {
	made := time.Unix(ts, 0)
	if isMillis(ts) {
		made = time.UnixMilli(ts)
	}
	return made.Sub(now)
}
