package simnet

import "github.com/acsgate/acsgate/internal/cwmp"

// Arrival says where a CPE holds its sessions after its URL was written.
type Arrival uint8

// The arrivals.
const (
	ArrivesNext   Arrival = iota // at the new URL, from the next session on
	ArrivesBooted                // at the new URL, once it has restarted
	ArrivesNever                 // it goes for the new URL, and does not get there
	ArrivesBack                  // it goes for the new URL, and after failures is at the old one again
	ArrivesNot                   // it stays at the old URL
)

// URLHabit is one way in which CPEs react to the move of their
// ManagementServer.URL. The fields behind Lacks say what a test has to expect
// when an ACS writes a good URL by a SetParameterValues of Username, Password
// and URL.
type URLHabit struct {
	Name, Summary string
	Change        URLChange
	Lacks         []string // parameters that the model has not

	Arrival Arrival
	// Status is that of the SetParameterValuesResponse, "" when there is none.
	Status string
	// Fault is the code of the fault instead, ParamFault that of the
	// SetParameterValuesFault within, "" for none. With neither Status nor Fault
	// there is no answer.
	Fault, ParamFault string
	// Torn says that Username and Password are set although the RPC failed.
	Torn bool
	// Breaks says that the session fails.
	Breaks bool
	// Events are told in the first session at the new URL.
	Events []string
}

// On returns a make with the habit.
func (h URLHabit) On(m Make) Make {
	m.Name += "/" + h.Name
	m.URLChange = h.Change
	if len(h.Lacks) > 0 {
		m = m.Without(h.Lacks...)
	}
	return m
}

// InjectedIDs begins the cwmp:ID of requests that a gateway makes of its own.
// Protocol notes 1.13.
const InjectedIDs = "gw-"

// URLHabits returns the known habits. The first is that of a Make without one.
func URLHabits() []URLHabit {
	return append(movingHabits(), stayingHabits()...)
}

// movingHabits are those of CPEs that take the URL.
func movingHabits() []URLHabit {
	bootstrap := []string{cwmp.EventBootstrap}
	booted := []string{cwmp.EventBootstrap, cwmp.EventBoot}
	return []URLHabit{
		{Name: "bootstrap", Summary: "0 BOOTSTRAP next, the rest forgotten (easycwmp, Orange)", Status: "0", Events: bootstrap},
		{Name: "icwmp", Summary: "0 BOOTSTRAP and 4 VALUE CHANGE after the session; events, transfers and schedules deleted",
			Change: URLChange{When: URLAtSessionEnd, ValueChange: true}, Status: "0", Events: []string{cwmp.EventBootstrap, cwmp.EventValueChange}},
		{Name: "rdkb", Summary: "0 BOOTSTRAP after the session, undelivered events dropped",
			Change: URLChange{When: URLAtSessionEnd}, Status: "0", Events: bootstrap},
		{Name: "keeps-queue", Summary: "0 BOOTSTRAP next, undelivered events and TransferComplete as well",
			Change: URLChange{Keeps: true}, Status: "0", Events: bootstrap},
		{Name: "reboot", Summary: "Status 1; reads as the new URL at once, goes there after a restart",
			Change: URLChange{When: URLAfterReboot}, Arrival: ArrivesBooted, Status: "1", Events: booted},
		{Name: "reboot-reads-old", Summary: "Status 1; reads as the old URL until it has restarted",
			Change: URLChange{When: URLAfterReboot, ReadsOld: true}, Arrival: ArrivesBooted, Status: "1", Events: booted},
		{Name: "answer-lost", Summary: "takes the URL, and drops the connection instead of answering",
			Change: URLChange{HangUp: HangUpApplied}, Breaks: true, Events: bootstrap},
		{Name: "session-cut", Summary: "takes the URL, answers, and drops the connection",
			Change: URLChange{HangUp: HangUpAnswered}, Status: "0", Breaks: true, Events: bootstrap},
		{Name: "login-at-once", Summary: "uses the new user name and password in the same session",
			Change: URLChange{LoginAtOnce: true}, Status: "0", Events: bootstrap},
		{Name: "username-hidden", Summary: "the user name reads as empty, like the password",
			Change: URLChange{ReadsEmpty: []string{"ManagementServer.Username"}}, Status: "0", Events: bootstrap},
		{Name: "url-hidden", Summary: "the URL reads as empty",
			Change: URLChange{ReadsEmpty: []string{"ManagementServer.URL"}}, Status: "0", Events: bootstrap},
		{Name: "length-256", Summary: "refuses a URL of more than 256 bytes with 9007",
			Change: URLChange{MaxLength: 256}, Status: "0", Events: bootstrap},
		{Name: "resets-url", Summary: "a factory reset brings the first URL back",
			Change: URLChange{ResetsURL: true}, Status: "0", Events: bootstrap},
		{Name: "unreachable", Summary: "takes the URL, does not find its host, and tries for ever",
			Change: URLChange{Stranded: true}, Arrival: ArrivesNever, Status: "0"},
		{Name: "dhcp-fallback", Summary: "does not find the new host, and takes the first URL from DHCP after 3 failures",
			Change: URLChange{Stranded: true, FallbackAfter: 3}, Arrival: ArrivesBack, Status: "0"},
	}
}

// stayingHabits are those of CPEs that do not take the URL.
func stayingHabits() []URLHabit {
	refusing := func(name, summary, code string) URLHabit {
		return URLHabit{Name: name, Summary: summary, Change: URLChange{Refuse: code},
			Arrival: ArrivesNot, Fault: cwmp.FaultInvalidArguments, ParamFault: code}
	}
	torn := refusing("not-atomic", "sets user name and password, and refuses the URL with 9003/9007", cwmp.FaultInvalidValue)
	torn.Change.NotAtomic, torn.Torn = true, true
	denied := refusing("denied", "9001 for the whole request", cwmp.FaultRequestDenied)
	denied.Change.Bare, denied.Fault, denied.ParamFault = true, cwmp.FaultRequestDenied, ""
	nameless := refusing("no-username", "the model has no user name and password: 9003/9005, and 9005 when they are read", cwmp.FaultInvalidName)
	nameless.Change = URLChange{}
	nameless.Lacks = []string{"ManagementServer.Username", "ManagementServer.Password"}
	return []URLHabit{
		refusing("invalid-value", "9003/9007", cwmp.FaultInvalidValue),
		refusing("not-writable", "9003/9008", cwmp.FaultNotWritable),
		refusing("request-denied", "9003/9001", cwmp.FaultRequestDenied),
		denied, torn, nameless,
		{Name: "connection-lost", Summary: "drops the connection instead of answering, and has taken nothing; the second time is good",
			Change: URLChange{HangUp: HangUpUnapplied, Times: 1}, Arrival: ArrivesNot, Breaks: true},
		{Name: "ignores-injected", Summary: "an empty POST in place of an answer to what a gateway asks",
			Change: URLChange{IgnoreIDs: InjectedIDs}, Arrival: ArrivesNot},
	}
}

// URLHabitNamed returns a habit of URLHabits by its name.
func URLHabitNamed(name string) (URLHabit, bool) {
	for _, h := range URLHabits() {
		if h.Name == name {
			return h, true
		}
	}
	return URLHabit{}, false
}
