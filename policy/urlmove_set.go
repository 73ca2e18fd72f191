package policy

import (
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// setSide sets what must be right before the URL changes, if anything.
func (m *URLMove) setSide() (RPC, bool) {
	if len(m.side) == 0 {
		return m.setURL()
	}
	m.step = m.sideSet
	return setValues(m.side...), true
}

// sideSet takes the answer to the side parameters, and tries again without
// those that the model lacks. That ends: there are fewer of them each time.
func (m *URLMove) sideSet(r *RPCResult) (RPC, bool) {
	if m.broken(r, "set what comes before its URL") {
		return RPC{}, false
	}
	if r.FaultCode == "" {
		return m.setURL()
	}
	kept := withoutLacking(m.side, r)
	if len(kept) == len(m.side) {
		return m.failed(r, MoveFault, "the CPE refused what comes before its URL")
	}
	for _, p := range m.side {
		if !slices.ContainsFunc(kept, func(k cwmp.Param) bool { return k.Name == p.Name }) {
			m.outcome.Left = append(m.outcome.Left, p.Name)
		}
	}
	m.side = kept
	return m.setSide()
}

// withoutLacking returns the parameters without those that the CPE's model
// lacks (9005), if these are all that it complained of.
func withoutLacking(params []cwmp.Param, r *RPCResult) []cwmp.Param {
	if len(params) == 1 && r.FaultCode == faultName && len(r.ParamFaults) == 0 {
		return nil
	}
	lacking := map[string]bool{}
	for _, f := range r.ParamFaults {
		if f.Code != faultName {
			return params
		}
		lacking[f.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(params), func(p cwmp.Param) bool { return lacking[p.Name] })
}

// faultName is the fault code for a parameter name that the CPE does not know.
const faultName = "9005"

// setURL sets the URL, and with it the credentials that belong to it. There is
// no second try without these: a CPE that cannot be given the credentials of
// the new ACS must not be sent there with those of the old one.
func (m *URLMove) setURL() (RPC, bool) {
	m.step, m.setting = m.urlSet, true
	m.outcome.Result, m.outcome.Detail = MoveUnknown, "the session ended while the CPE was to set its URL"
	return setValues(append(m.credentials(), cwmp.Param{Name: m.name(paramURL), Value: m.c.To})...), true
}

func (m *URLMove) credentials() []cwmp.Param {
	var params []cwmp.Param
	if m.c.Username != nil {
		params = append(params, cwmp.Param{Name: m.name(paramUsername), Value: *m.c.Username})
	}
	if m.c.Password != nil {
		params = append(params, cwmp.Param{Name: m.name(paramPassword), Value: *m.c.Password})
	}
	return params
}

func (m *URLMove) urlSet(r *RPCResult) (RPC, bool) {
	if m.broken(r, "set its URL") {
		return RPC{}, false
	}
	switch {
	case r.FaultCode != "" && len(m.credentials()) > 0:
		return m.readBack(r)
	case r.FaultCode != "":
		return m.failed(r, MoveFault, "the CPE refused the URL")
	case r.Status != 0:
		return m.end(MovePending, "the CPE applies the URL after a reboot")
	}
	return m.end(MoveSet, "the CPE has set its URL")
}

// readBack asks a CPE that refused URL and credentials whether it really kept
// both as they were.
func (m *URLMove) readBack(refusal *RPCResult) (RPC, bool) {
	names := []string{m.name(paramURL)}
	if _, told := m.outcome.Former[paramUsername]; told {
		names = append(names, m.name(paramUsername))
	}
	m.failed(refusal, MoveFault, "the CPE refused URL or credentials") // if the session ends now
	m.step = func(r *RPCResult) (RPC, bool) {
		parts := changed(m.outcome.Former, former(r, m.c.Root, names))
		switch {
		case !r.done():
			return m.failed(refusal, MoveFault, "the CPE refused URL or credentials and did not tell what it has")
		case len(parts) > 0:
			return m.failed(refusal, MoveTorn, "the CPE refused URL or credentials, yet changed "+strings.Join(parts, ", "))
		}
		return m.failed(refusal, MoveFault, "the CPE refused URL or credentials")
	}
	return getValues(names...), true
}

// faultText says which fault a CPE answered with: `9003, Device.X: 9007`. What
// the CPE wrote as its text may hold a secret, and is left out.
func faultText(r *RPCResult) string {
	text := visible(r.FaultCode)
	if code, parameter := r.fault(); parameter != "" {
		text += ", " + visible(parameter) + ": " + visible(code)
	}
	return text
}
