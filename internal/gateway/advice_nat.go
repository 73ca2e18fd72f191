package gateway

import (
	"fmt"
	"time"

	"github.com/acsgate/acsgate/internal/binding"
)

// adviseNAT says what the NAT before a device asks for.
func adviseNAT(f *facts, now time.Time, say func(string, ...any)) {
	if f.binding == nil {
		adviseUnbound(f, say)
		return
	}
	b := f.binding
	switch {
	case !b.Corroborated() && f.notByUDP != "":
		say("STUN packets in its name come from %s, but nobody can tell whether they are its own: have its ACS set a STUNUsername and STUNPassword "+
			"of its own, or have it report UDPConnectionRequestAddress.", b.Remote)
	case f.bindingStale:
		adviseStale(f, now, say)
	case b.Kind == binding.KindUnstable:
		say("Its NAT gives another port at nearly every keep-alive: datagrams reach it for moments only.")
	case b.Lost > 0 && b.KeepAlive > b.Lost:
		say("Its NAT forgets the mapping after about %s, but keep-alives come every %s: lower STUNMaximumKeepAlivePeriod.",
			roughly(b.Lost), roughly(b.KeepAlive))
	}
}

// adviseUnbound says what a device lacks of which no STUN packet was seen.
func adviseUnbound(f *facts, say func(string, ...any)) {
	r := &f.record
	own, source := urlAddr(r.ConnectionRequestURL), r.Source.Addr().Unmap()
	if !own.IsValid() || !source.IsValid() || own == source {
		return
	}
	behind := fmt.Sprintf("It is behind a NAT: its own address is %s, and it comes from %s.", own, source)
	switch {
	case !f.stunServer:
		say("%s This gateway has no STUN server, which such a CPE needs to be woken: add stun.listen.", behind)
	case f.stunPending != "":
		say("%s STUN is switched on in its next session: %s.", behind, f.stunPending)
	default:
		say("%s It sends no STUN: switch STUN on in the CPE, or by stun_provisioning.", behind)
	}
}

// adviseStale says that STUN packets have ceased, and what that may mean.
func adviseStale(f *facts, now time.Time, say func(string, ...any)) {
	b := f.binding
	text := fmt.Sprintf("Its STUN binding is stale: the last packet came %s ago", roughly(now.Sub(b.LastSeen)))
	if b.KeepAlive > 0 {
		text += ", and one is due every " + roughly(b.KeepAlive)
	}
	if f.record.LastInform.Sub(b.LastSeen) > b.KeepAlive && f.record.LastInform.After(b.LastSeen) {
		say("%s. It has had a session since, so that its STUN client has stopped: look at its STUNEnable, or reboot it.", text)
		return
	}
	say("%s. It may be off or without Internet.", text)
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
