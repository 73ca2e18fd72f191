package policy

import (
	"fmt"
	"strconv"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// STUNSettings are what a CPE is to have for TR-111 STUN (quirk S-41).
type STUNSettings struct {
	Enable bool
	Server string // "" leaves what the CPE has: the host of its URL, if nothing
	Port   int    // 0 means 3478
	// Username and Password are the device's own; nil leaves what the CPE has.
	Username, Password *string
	// MinKeepAlive and MaxKeepAlive are in seconds; 0 leaves what the CPE has, and
	// -1 as MaxKeepAlive means no maximum.
	MinKeepAlive, MaxKeepAlive int
	// Generation is raised by the operator to have all set anew, as after a change
	// of passwords, which cannot be seen on a CPE.
	Generation int
	// Notify asks for active notification of UDPConnectionRequestAddress, of which
	// an ACS hears nothing otherwise.
	Notify bool
}

// Bounds of the keep-alive periods. Agents refuse a minimum below 10 s, and a
// NAT forgets a binding that is quiet for an hour.
const (
	minKeepAlive    = 10
	maxKeepAlive    = 3600
	defaultSTUNPort = 3478
)

// Clamped returns the settings as a CPE can have them: both keep-alive periods
// within 10 s and 1 h, the maximum not below the minimum, and a port.
func (s STUNSettings) Clamped() STUNSettings {
	orDefault(&s.Port, defaultSTUNPort)
	if s.MinKeepAlive != 0 {
		s.MinKeepAlive = min(max(s.MinKeepAlive, minKeepAlive), maxKeepAlive)
	}
	if s.MaxKeepAlive > 0 {
		s.MaxKeepAlive = min(max(s.MaxKeepAlive, minKeepAlive, s.MinKeepAlive), maxKeepAlive)
	}
	if s.MaxKeepAlive < 0 {
		s.MaxKeepAlive = -1
	}
	return s
}

func (s STUNSettings) problem() error {
	switch {
	case s.Port < 0 || s.Port > 65535:
		return fmt.Errorf("port %d is not from 1 to 65535", s.Port)
	case len(s.Server) > maxModelText:
		return fmt.Errorf("server is longer than %d characters, more than a CPE keeps", maxModelText)
	}
	for _, text := range []*string{s.Username, s.Password} {
		if text != nil && len(*text) > maxModelText {
			return fmt.Errorf("username or password is longer than %d characters, more than a CPE keeps", maxModelText)
		}
	}
	return nil
}

// values are the settings as parameters, those first that STUN works without.
// To switch off is all that is to be done when Enable is false.
func (s STUNSettings) values(root string) []cwmp.Param {
	enable := cwmp.Param{Name: root + paramSTUNEnable, Value: boolean(s.Enable), Type: xsdBoolean}
	if !s.Enable {
		return []cwmp.Param{enable}
	}
	var params []cwmp.Param
	add := func(name, value, kind string) {
		params = append(params, cwmp.Param{Name: root + name, Value: value, Type: kind})
	}
	if s.MinKeepAlive != 0 {
		add(paramSTUNMinimum, strconv.Itoa(s.MinKeepAlive), xsdUnsigned)
	}
	if s.MaxKeepAlive != 0 {
		add(paramSTUNMaximum, strconv.Itoa(s.MaxKeepAlive), xsdInt)
	}
	add(paramSTUNPort, strconv.Itoa(s.Port), xsdUnsigned)
	if s.Server != "" {
		add(paramSTUNServer, s.Server, "")
	}
	if s.Username != nil {
		add(paramSTUNUsername, *s.Username, "")
	}
	if s.Password != nil {
		add(paramSTUNPassword, *s.Password, "")
	}
	return append(params, enable)
}

func boolean(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// dispensable tells whether STUN works although a CPE lacks or refuses a
// parameter: a keep-alive period, or the port that is the default anyhow.
func (s STUNSettings) dispensable(parameter string) bool {
	switch parameter {
	case paramSTUNMinimum, paramSTUNMaximum:
		return true
	case paramSTUNPort:
		return s.Port == defaultSTUNPort
	}
	return false
}

// STUNResult is how a STUNSet ended.
type STUNResult string

// Results of a STUNSet.
const (
	STUNAlready     STUNResult = "already"     // the CPE had the settings
	STUNDone        STUNResult = "done"        // set, and read back
	STUNPending     STUNResult = "pending"     // Status 1: applied after a reboot
	STUNUnsupported STUNResult = "unsupported" // the CPE's model has no STUN
	STUNFault       STUNResult = "fault"       // the CPE refused
	STUNNotKept     STUNResult = "not kept"    // the CPE agreed, and reads back otherwise
	STUNIgnored     STUNResult = "ignored"     // the CPE did not answer as asked
	STUNNotTried    STUNResult = "not tried"   // the session ended before anything was to be set
	STUNUnknown     STUNResult = "unknown"     // it ended while the CPE was to set it, or before it was read back
)

// STUNOutcome is how a STUNSet ended, for people and for the device's record.
type STUNOutcome struct {
	Result STUNResult
	// Former are the values that the CPE had before, and Set those that it was
	// given, by parameter name without the root. Neither has passwords. Undo needs
	// both.
	Former, Set map[string]string
	Notified    bool     // notification was set
	Left        []string // parameters that the CPE lacks or refuses and can do without
	FaultCode   string
	Parameter   string // at fault
	Detail      string // for people; holds no secret
}

// STUNSet is the program that sets a CPE's STUN parameters, or takes them back:
// it reads, sets what differs, asks for notification, and reads back.
type STUNSet struct {
	root         string
	want         []cwmp.Param // still to set
	dispensable  func(parameter string) bool
	notification *int
	onlyIf       map[string]string            // set a parameter only where the CPE still has this value
	step         func(*RPCResult) (RPC, bool) // takes the next result
	outcome      STUNOutcome
}

// NewSTUNSet makes the program that gives a CPE settings, clamped.
func NewSTUNSet(root string, s STUNSettings) (*STUNSet, error) {
	if root != RootTR098 && root != RootDevice {
		return nil, fmt.Errorf("root %q is neither %s nor %s", root, RootTR098, RootDevice)
	}
	if err := s.problem(); err != nil {
		return nil, err
	}
	s = s.Clamped()
	p := newSTUNSet(root, s.values(root))
	p.dispensable = s.dispensable
	if s.Notify && s.Enable {
		p.notification = new(activeNotification)
	}
	return p, nil
}

// NewSTUNUndo makes the program that takes back what a STUNSet has set and the
// CPE still has: the ACS may have given it other values since. A password cannot
// be read, so it is emptied where there was no user name before, and stays
// otherwise. Notification is switched off where STUN was off, for then nobody
// had asked for it.
func NewSTUNUndo(root string, done STUNOutcome) (*STUNSet, error) {
	if root != RootTR098 && root != RootDevice {
		return nil, fmt.Errorf("root %q is neither %s nor %s", root, RootTR098, RootDevice)
	}
	var back []cwmp.Param
	for _, name := range stunReadable {
		was, told := done.Former[name]
		if _, set := done.Set[name]; !told || !set {
			continue
		}
		if name == paramSTUNEnable {
			was = boolean(isTrue(was))
		}
		back = append(back, cwmp.Param{Name: root + name, Value: was, Type: stunTypes[name]})
	}
	was, told := done.Former[paramSTUNUsername]
	if _, set := done.Set[paramSTUNUsername]; set && told && was == "" {
		back = append(back, cwmp.Param{Name: root + paramSTUNPassword})
	}
	p := newSTUNSet(root, back)
	p.onlyIf = done.Set
	if was, told := done.Former[paramSTUNEnable]; told && done.Notified && !isTrue(was) {
		p.notification = new(0)
	}
	return p, nil
}

const activeNotification = 2 // TR-069 A.3.2.4

const xsdInt = "int"

// stunReadable are the parameters that a program compares, in the order in which
// they are taken back: STUN itself last.
var stunReadable = []string{
	paramSTUNMinimum, paramSTUNMaximum, paramSTUNPort, paramSTUNServer, paramSTUNUsername, paramSTUNEnable,
}

var stunTypes = map[string]string{
	paramSTUNMinimum: xsdUnsigned, paramSTUNMaximum: xsdInt, paramSTUNPort: xsdUnsigned, paramSTUNEnable: xsdBoolean,
}

func newSTUNSet(root string, want []cwmp.Param) *STUNSet {
	p := &STUNSet{
		root: root, want: want, dispensable: func(string) bool { return false },
		outcome: STUNOutcome{Result: STUNNotTried, Detail: "the session ended before anything was to be set"},
	}
	p.step = p.start
	return p
}

// Next is Program's.
func (p *STUNSet) Next(last *RPCResult) (RPC, bool) {
	if last == nil {
		last = &RPCResult{}
	}
	return p.step(last)
}

// Outcome returns how the program ended, or, before it has, what holds if the
// session ends now.
func (p *STUNSet) Outcome() STUNOutcome { return p.outcome }
