package gateway

import (
	"fmt"
	"time"

	"github.com/acsgate/acsgate/connreq"
	"github.com/acsgate/acsgate/internal/binding"
	"github.com/acsgate/acsgate/internal/device"
	"github.com/acsgate/acsgate/policy"
)

// silence is after how long without an Inform a device is taken to be gone: most
// CPEs come once a day.
const silence = 25 * time.Hour

// facts are what the question is answered by, why a device is not reachable.
type facts struct {
	record       device.Record
	home         policy.Status // of the ACS that its sessions go to
	notByUDP     string        // "" where UDP can be tried
	notByHTTP    string
	binding      *binding.Binding
	bindingStale bool
	last         *connreq.Result // of its Connection Requests
}

// gatherFacts reads what advise wants to know of a device.
func (g *Gateway) gatherFacts(r *device.Record) facts {
	f := facts{record: *r}
	f.home, _ = g.health.Snapshot().Status(r.CurrentACS)
	target, _ := g.target(r.ID)
	f.notByUDP, f.notByHTTP = g.reach.requests.Obstacles(&target)
	if b, ok := g.reach.bindings.Lookup(r.ID); ok {
		f.binding, f.bindingStale = &b, b.Stale(time.Now())
	}
	if last, ok := g.reach.requests.Last(r.ID); ok {
		f.last = &last
	}
	return f
}

// advise says in words why a device cannot be reached, and what to do, or that it
// can. The most telling comes first.
func advise(f *facts, now time.Time) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	r := &f.record
	if quiet := now.Sub(r.LastInform); !r.LastInform.IsZero() && quiet > silence {
		say("No Inform for %s. The CPE may be off, without Internet, or its ManagementServer.URL may lead elsewhere.", roughly(quiet))
	}
	if f.home.State == policy.Down {
		say("ACS %s is down: %s. Sessions are refused or go to its backup.", f.home.ACS, f.home.Reason)
	}
	if r.Sessions > 0 && r.Failed*2 > r.Sessions {
		say("%d of its %d sessions have failed: see the outcomes in the timeline.", r.Failed, r.Sessions)
	}
	switch {
	case f.notByUDP == "" && f.notByHTTP == "":
		say("It can be woken by UDP and by HTTP.")
	case f.notByUDP == "":
		say("It can be woken by UDP. HTTP is out: %s.", f.notByHTTP)
	case f.notByHTTP == "":
		say("It can be woken by HTTP alone. UDP is out: %s.", f.notByUDP)
	default:
		say("It cannot be woken, and is reached in its own sessions alone. UDP is out: %s. HTTP is out: %s.", f.notByUDP, f.notByHTTP)
	}
	adviseNAT(f, now, say)
	if l := f.last; l != nil && !l.OK {
		say("The last Connection Request, %s ago, was in vain%s.", roughly(now.Sub(l.At)), attempts(l))
	}
	return out
}

// adviseNAT says what the NAT before a device asks for.
func adviseNAT(f *facts, now time.Time, say func(string, ...any)) {
	r := &f.record
	behind := urlAddr(r.ConnectionRequestURL).IsValid() && urlAddr(r.ConnectionRequestURL) != r.Source.Addr().Unmap()
	switch {
	case f.binding == nil && behind:
		say("It is behind a NAT (its own address is %s, it comes from %s) and sends no STUN: switch STUN on in the CPE, or by stun_provisioning.",
			urlAddr(r.ConnectionRequestURL), r.Source.Addr().Unmap())
	case f.binding == nil:
	case f.bindingStale && f.binding.KeepAlive > 0:
		say("Its STUN binding is stale: the last packet came %s ago, and one is due every %s.",
			roughly(now.Sub(f.binding.LastSeen)), roughly(f.binding.KeepAlive))
	case f.bindingStale:
		say("Its STUN binding is stale: the last packet came %s ago.", roughly(now.Sub(f.binding.LastSeen)))
	case f.binding.Kind == binding.KindUnstable:
		say("Its NAT gives another port at nearly every keep-alive: datagrams reach it for moments only.")
	case f.binding.Lost > 0 && f.binding.KeepAlive > f.binding.Lost:
		say("Its NAT forgets the mapping after about %s, but keep-alives come every %s: lower STUNMaximumKeepAlivePeriod.",
			roughly(f.binding.Lost), roughly(f.binding.KeepAlive))
	}
}

// attempts says of each transport of a request why it was in vain.
func attempts(l *connreq.Result) (text string) {
	for _, a := range l.Attempts {
		text += "; " + a.Transport
		if a.To != "" {
			text += " to " + a.To
		}
		text += ": " + a.Reason
	}
	return text
}

// roughly writes a duration as people say it.
func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
