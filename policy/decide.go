package policy

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Input is what is known of a session when it is routed.
type Input struct {
	Device cwmp.DeviceID
	// Known says that an Inform was read. Without one Device and all that
	// belongs to it mean nothing, and only rules apply that do not ask for it.
	Known           bool
	SoftwareVersion string
	Source          netip.Addr
	Listener        string
	Path            string // of the CPE's request; a query is ignored
	// Assigned is the ACS that the registry records for the device, "" for none.
	Assigned string
	// Current is the ACS that accepted the device's last Inform, "" when that is
	// unknown. It tells a device that returns from a backup, whose number is
	// limited, from one that is at home.
	Current string
	// Moved is the ACS to which a campaign, a drain or a migration, has moved the
	// device, "" for none. It comes before rules and assignments.
	Moved string
	// MovedBy is the name of that campaign.
	MovedBy string
}

// Decision is where a session goes and why.
type Decision struct {
	ACS      string // to try first
	Fallback string // to try for an Inform of which no answer byte came back; "" for none
	Home     string // the ACS that the rule names, the device's assignment, or where a campaign moved it
	Rule     string // name of the rule that takes the session, also where a campaign comes before it
	Reason   string // for people
	// Return and Trial ask for Health.Settle. ACS is the backup of Home then,
	// and Settle makes it Home if the budget allows: that of devices that return
	// (Return), or of sessions that try an ACS which has no probes (Trial).
	Return, Trial bool

	why string // the part of Reason that speaks of the rule
}

// Decide routes a session. It is pure: no I/O, no clock, nothing remembered;
// safe for concurrent use. The ACS is always one of the configuration. A nil
// snapshot counts every ACS as up.
func (p *Policy) Decide(in Input, s *Snapshot) Decision {
	in.normalise()
	r := p.match(&in)
	home, why := p.home(r, &in)
	d := Decision{ACS: home.name, Home: home.name, Rule: r.name, Reason: why, why: why}
	if home.backup != "" {
		d.failover(home, in.Current, s)
	} else if h := s.entry(home.name); h.State == Down {
		d.because(h.text + ", and has no backup")
	}
	return d
}

func (in *Input) normalise() {
	in.Device.OUI = cwmp.NormalizeOUI(in.Device.OUI)
	in.Source = in.Source.Unmap().WithZone("")
	in.Path, _, _ = strings.Cut(in.Path, "?")
	if !in.Known {
		in.Assigned, in.Current, in.Moved, in.MovedBy = "", "", "", ""
	}
}

// match returns the first rule that takes the session. Compile sees to it that
// one does.
func (p *Policy) match(in *Input) *rule {
	last := len(p.rules) - 1
	for i := range p.rules[:last] {
		if p.rules[i].matcher.mismatch(in) == "" {
			return &p.rules[i]
		}
	}
	return &p.rules[last]
}

// home returns the ACS at which a session that a rule takes belongs, and why.
func (p *Policy) home(r *rule, in *Input) (*target, string) {
	if in.Moved == "" {
		return p.ruled(r, in)
	}
	if t, ok := p.acs[in.Moved]; ok {
		return t, in.campaign() + " moved it to " + t.name
	}
	t, why := p.ruled(r, in)
	return t, why + "; " + in.campaign() + " moved it to " + in.Moved + ", which is gone"
}

func (in *Input) campaign() string { return "campaign " + strconv.Quote(in.MovedBy) }

// ruled returns the ACS that a rule or the device's assignment names, and why.
func (p *Policy) ruled(r *rule, in *Input) (*target, string) {
	if !r.assigned || in.Assigned == "" {
		return r.home, r.reason
	}
	if t, ok := p.acs[in.Assigned]; ok {
		return t, r.reason + ", assigned to " + t.name
	}
	return r.home, r.reason + ", assigned to " + in.Assigned + ", which is gone"
}

// because adds to the reason.
func (d *Decision) because(text string) { d.Reason = d.why + "; " + text }
