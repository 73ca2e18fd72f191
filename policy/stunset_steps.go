package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// start reads what the CPE has.
func (p *STUNSet) start(*RPCResult) (RPC, bool) {
	p.step = p.listed
	return getValues(p.names()...), true
}

func (p *STUNSet) names() []string {
	var names []string
	for _, name := range stunReadable {
		names = append(names, p.root+name)
	}
	return names
}

// listed takes the answer to the list of names. One that the model lacks spoils
// it all (fault 9005); the whole object tells which are there.
func (p *STUNSet) listed(r *RPCResult) (RPC, bool) {
	if r.FaultCode == "" {
		return p.compare(r)
	}
	p.step = p.object
	return getValues(p.root + managementServer), true
}

func (p *STUNSet) object(r *RPCResult) (RPC, bool) {
	if r.FaultCode != "" {
		return p.failed(r, STUNFault, "the CPE does not tell its STUN parameters")
	}
	return p.compare(r)
}

// compare sets what differs. A password cannot be compared: it is set in any
// case, and taken back with its user name alone. STUNRecord.Due sees to it that
// this does not happen in each session.
func (p *STUNSet) compare(r *RPCResult) (RPC, bool) {
	if p.broken(r, "tell its STUN parameters") {
		return RPC{}, false
	}
	p.outcome.Former = former(r, p.root, p.names())
	if _, ok := p.outcome.Former[paramSTUNEnable]; !ok {
		return p.end(STUNUnsupported, "the CPE has no STUNEnable")
	}
	p.want = slices.DeleteFunc(p.want, func(param cwmp.Param) bool { return !p.differs(param) })
	if p.onlyIf != nil && !p.wants(paramSTUNUsername) {
		p.want = slices.DeleteFunc(p.want, func(param cwmp.Param) bool { return param.Name == p.root+paramSTUNPassword })
	}
	if len(p.want) == 0 {
		p.outcome.Result, p.outcome.Detail = STUNAlready, "the CPE has the settings"
		return p.notify()
	}
	return p.set()
}

func (p *STUNSet) wants(name string) bool {
	return slices.ContainsFunc(p.want, func(param cwmp.Param) bool { return param.Name == p.root+name })
}

// differs tells whether a parameter is to be set. One that the model lacks and
// STUN works without is noted.
func (p *STUNSet) differs(param cwmp.Param) bool {
	name := strings.TrimPrefix(param.Name, p.root)
	now, told := p.outcome.Former[name]
	switch {
	case name == paramSTUNPassword:
		return true
	case !told && p.dispensable(name):
		p.outcome.Left = append(p.outcome.Left, param.Name)
		return false
	case told && sameValue(now, param):
		return false
	case p.onlyIf != nil:
		return told && sameValue(now, cwmp.Param{Value: p.onlyIf[name], Type: param.Type})
	}
	return true
}

func (p *STUNSet) set() (RPC, bool) {
	p.step = p.taken
	p.outcome.Result, p.outcome.Detail = STUNUnknown, "the session ended while the CPE was to set its STUN parameters"
	p.outcome.Set = map[string]string{}
	for _, param := range p.want {
		if name := strings.TrimPrefix(param.Name, p.root); name != paramSTUNPassword {
			p.outcome.Set[name] = param.Value
		}
	}
	return setValues(p.want...), true
}

// taken takes the answer, and tries again without the parameters that STUN works
// without. That ends: there are fewer of them each time.
func (p *STUNSet) taken(r *RPCResult) (RPC, bool) {
	if p.broken(r, "set its STUN parameters") {
		return RPC{}, false
	}
	switch {
	case r.FaultCode != "":
		return p.refused(r)
	case r.Status != 0:
		p.outcome.Result, p.outcome.Detail = STUNPending, "the CPE applies its STUN parameters after a reboot"
		return p.notify()
	}
	p.outcome.Detail = "the CPE has set its STUN parameters, and was not read back"
	return p.notify()
}

func (p *STUNSet) refused(r *RPCResult) (RPC, bool) {
	faulty := func(name string) bool {
		return len(r.ParamFaults) == 0 || slices.ContainsFunc(r.ParamFaults, func(f cwmp.ParamFault) bool { return f.Name == name })
	}
	kept := slices.DeleteFunc(slices.Clone(p.want), func(param cwmp.Param) bool {
		drop := faulty(param.Name) && p.dispensable(strings.TrimPrefix(param.Name, p.root))
		if drop {
			p.outcome.Left = append(p.outcome.Left, param.Name)
		}
		return drop
	})
	if len(kept) == len(p.want) || len(kept) == 0 {
		p.outcome.Set = nil
		return p.failed(r, STUNFault, "the CPE refused its STUN parameters")
	}
	p.want = kept
	return p.set()
}

// notify asks for notification of the address at which UDP Connection Requests
// reach the CPE. A CPE that refuses has STUN all the same: the gateway sees the
// address itself.
func (p *STUNSet) notify() (RPC, bool) {
	if p.notification == nil {
		return p.readBack()
	}
	p.step = func(r *RPCResult) (RPC, bool) {
		switch {
		case r.done():
			p.outcome.Notified = *p.notification != 0
		case r.FaultCode != "":
			p.outcome.Left = append(p.outcome.Left, p.root+paramUDPRequestAddress)
		default:
			p.broken(r, "set its notifications")
			return RPC{}, false
		}
		return p.readBack()
	}
	return RPC{
		Method:     cwmp.MethodSetParameterAttributes,
		Attributes: []cwmp.Attribute{{Name: p.root + paramUDPRequestAddress, Notification: *p.notification}},
	}, true
}

// readBack asks what the CPE has made of what it agreed to.
func (p *STUNSet) readBack() (RPC, bool) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.outcome.Set)) {
		if _, told := p.outcome.Former[name]; told {
			names = append(names, p.root+name)
		}
	}
	switch {
	case p.outcome.Result == STUNPending:
		return p.end(p.outcome.Result, p.outcome.Detail)
	case len(names) == 0 && p.outcome.Set != nil: // a password alone
		return p.end(STUNDone, "the CPE has set what cannot be read back")
	case len(names) == 0:
		return p.end(p.outcome.Result, p.outcome.Detail)
	}
	p.step = p.compareBack
	return getValues(names...), true
}

func (p *STUNSet) compareBack(r *RPCResult) (RPC, bool) {
	if !r.done() {
		return p.end(STUNUnknown, "the CPE has set its STUN parameters, and does not tell them")
	}
	for _, param := range p.want {
		if now, told := r.value(param.Name); told && !sameValue(now, param) && param.Name != p.root+paramSTUNPassword {
			p.outcome.Parameter = param.Name
			return p.end(STUNNotKept, "the CPE agreed to its STUN parameters, and has another "+param.Name)
		}
	}
	return p.end(STUNDone, "the CPE has set its STUN parameters")
}

// end records the outcome. Nothing follows it.
func (p *STUNSet) end(r STUNResult, detail string) (RPC, bool) {
	p.outcome.Result, p.outcome.Detail = r, detail
	p.step = func(*RPCResult) (RPC, bool) { return RPC{}, false }
	return RPC{}, false
}

func (p *STUNSet) failed(r *RPCResult, result STUNResult, detail string) (RPC, bool) {
	p.outcome.FaultCode, p.outcome.Parameter = r.fault()
	return p.end(result, detail+": fault "+faultText(r))
}

// broken ends the program when the CPE has not answered as asked. What it had
// agreed to before stays as the outcome.
func (p *STUNSet) broken(r *RPCResult, what string) (ended bool) {
	switch {
	case r.FaultCode != "" || r.done():
		return false
	case r.Ignored && p.outcome.Result != STUNPending && p.outcome.Result != STUNAlready:
		p.end(STUNIgnored, "the CPE did not "+what+": it answered with nothing")
	default:
		p.end(p.outcome.Result, p.outcome.Detail)
	}
	return true
}
