package simnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"
)

var errNotReflected = errors.New("answer to a RESPONSE-ADDRESS without REFLECTED-FROM")

// discovery finds the longest keep-alive period that the NAT's binding
// survives: the port under test is silent for a while, then another port asks
// the server to answer to it (TR-111 2.2.1.2, protocol notes 4.1).
type discovery struct {
	on     bool
	own    bool           // the port under test is not the primary one
	period time.Duration  // under test
	listen net.PacketConn // the port under test
	probe  net.PacketConn // the secondary port
	mapped netip.AddrPort // of the port under test; not valid before it has asked
	at     time.Time      // of the next step; zero while there is none
	asking *transaction
}

// startDiscovery opens the sockets. When that fails the period stays as it is.
func (c *STUNClient) startDiscovery(ctx context.Context) {
	d := &c.discovery
	var err error
	if d.probe, err = c.cfg.Spare(); err != nil {
		return
	}
	d.listen = c.cfg.Conn
	if c.cfg.Profile.SpareSockets {
		if d.listen, err = c.cfg.Spare(); err != nil {
			d.close()
			return
		}
		d.own = true
		d.at = c.cfg.Now()
		c.receive(ctx, d.listen)
	}
	c.receive(ctx, d.probe)
	d.on = true
	d.period = c.raised(c.cfg.MinKeepAlive)
}

// raised is the next period to test.
func (c *STUNClient) raised(period time.Duration) time.Duration {
	return min(period+c.cfg.Profile.Step, c.cfg.MaxKeepAlive)
}

// close ends discovery for good.
func (d *discovery) close() {
	if d.probe != nil {
		_ = d.probe.Close()
	}
	if d.own {
		_ = d.listen.Close()
	}
	*d = discovery{}
}

func (d *discovery) next() time.Time {
	if d.asking != nil {
		return d.asking.next
	}
	return d.at
}

// rested tells discovery that the binding of the primary port is fresh. If that
// is the port under test, it is silent until the probe is over.
func (c *STUNClient) rested(now time.Time) {
	d := &c.discovery
	if !d.on || d.own {
		return
	}
	d.mapped, d.at = c.Status().Mapped, now.Add(d.period)
	c.due = d.at.Add(2 * c.cfg.Profile.GiveUp)
}

// tickDiscovery does what is due.
func (c *STUNClient) tickDiscovery(now time.Time) {
	d := &c.discovery
	switch t := d.asking; {
	case t != nil && now.Before(t.next):
	case t != nil && c.again(t, now):
	case t != nil && t.binding: // no server: the test begins anew later
		d.asking = nil
		d.at = now.Add(c.cfg.Profile.RetryAfter)
	case t != nil: // the binding has not survived
		c.endDiscovery(now)
	case d.at.IsZero() || now.Before(d.at):
	case d.mapped.IsValid():
		d.asking = &transaction{conn: d.probe, listen: d.listen, respond: d.mapped}
		c.start(d.asking, now)
	default:
		d.asking = &transaction{conn: d.listen, listen: d.listen, binding: true}
		c.start(d.asking, now)
	}
}

// discovered takes the reply to a request of discovery.
func (c *STUNClient) discovered(mapped netip.AddrPort, now time.Time) {
	d := &c.discovery
	t := d.asking
	d.asking = nil
	if t.binding {
		d.mapped, d.at = mapped, now.Add(d.period)
		return
	}
	period := d.period
	c.note(func(s *STUNStatus) { s.KeepAlive, s.Survived = period, s.Survived+1 })
	if period >= c.cfg.MaxKeepAlive {
		c.endDiscovery(now)
		return
	}
	d.period, d.mapped, d.at = c.raised(period), netip.AddrPort{}, time.Time{}
	if d.own {
		d.at = now
	} else {
		c.due = now // the primary port makes its binding fresh
	}
}

// endDiscovery keeps the longest period that was survived.
func (c *STUNClient) endDiscovery(now time.Time) {
	c.discovery.close()
	c.due = now
}
