package simnet

import (
	"slices"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// URLMoment says when a CPE takes a ManagementServer.URL that was written.
type URLMoment uint8

// The moments. In all of them the session that is under way ends with the ACS
// with which it began.
const (
	URLAtOnce       URLMoment = iota // what happens later in the session is told at the new URL
	URLAtSessionEnd                  // what happened until then is dropped
	URLAfterReboot                   // Status 1, and nothing more until the CPE restarts
)

// HangUp says how a CPE loses the connection over a SetParameterValues that
// writes the URL.
type HangUp uint8

// The ways to hang up.
const (
	NoHangUp        HangUp = iota
	HangUpApplied          // takes the values and is gone, without an answer
	HangUpUnapplied        // is gone without having taken anything
	HangUpAnswered         // answers, and drops what is left of the session
)

// URLChange is what a make does when ManagementServer.URL is written. The zero
// value answers Status 0, finishes the session, forgets its undelivered events
// and requests, and tells "0 BOOTSTRAP" to the new URL. The value that it has
// already changes nothing. Protocol notes 3, quirk table, hazards.
type URLChange struct {
	When        URLMoment
	ValueChange bool // tells "4 VALUE CHANGE" with the URL beside "0 BOOTSTRAP", as icwmp
	Keeps       bool // keeps undelivered events and requests, against WT-151
	ReadsOld    bool // reads as the old URL until it is taken

	// Refuse is the code of the SetParameterValuesFault for the URL, "" for none.
	Refuse string
	// Bare makes Refuse the code of the whole fault, without naming a parameter.
	Bare bool
	// MaxLength, if not zero, is the longest URL in bytes; longer ones are 9007.
	MaxLength int
	// NotAtomic sets the other values of a refused SetParameterValues.
	NotAtomic bool
	HangUp    HangUp
	// Times, if not zero, is after how many writes of the URL Refuse and HangUp end.
	Times int
	// IgnoreIDs, if not empty, begins the cwmp:ID of requests that are not
	// answered but by an empty POST.
	IgnoreIDs string

	// ReadsEmpty are parameters, without the root, that read as "". Passwords do
	// in any case.
	ReadsEmpty []string
	// LoginAtOnce uses a written Username and Password in the same session; else
	// the next session is the first, or that after a restart with URLAfterReboot.
	LoginAtOnce bool
	// Stranded cannot resolve the host of any URL but that of CPEConfig.
	Stranded bool
	// FallbackAfter, if not zero, is after how many failed sessions in a row the
	// CPE goes back to the URL of CPEConfig, as DHCP tells it again. Username and
	// Password stay as they are: DHCP does not tell them.
	FallbackAfter int
	// ResetsURL restores URL and credentials of CPEConfig on FactoryReset.
	ResetsURL bool
}

// urlState is where a CPE stands in a change of its URL.
type urlState struct {
	text    string // the URL as it was written
	next    string // another one, not taken yet, or ""
	tell    bool   // the next Inform holds the URL
	writes  int    // SetParameterValues that held the URL
	odd     bool   // the present one meets Refuse and HangUp
	restart bool   // the CPE restarts after this session
	first   login  // of CPEConfig
	login   *login // for the next session, nil when it is unchanged
}

// login is how a CPE introduces itself to its ACS.
type login struct{ username, password string }

// nameOf is the full name of a ManagementServer parameter.
func (c *CPE) nameOf(parameter string) string { return c.make.Root + "ManagementServer." + parameter }

// PendingURL is the URL that was written and is not taken before the session
// ends or the CPE restarts, or "".
func (c *CPE) PendingURL() string { return c.move.next }

// PowerCycle restarts the CPE: "1 BOOT" is due, and a URL that waits for it is
// taken. It must not be called within a session.
func (c *CPE) PowerCycle() {
	c.addEvent(cwmp.Event{Code: cwmp.EventBoot})
	c.move.restart = true
	c.afterSession()
}

// noteURLWrite counts SetParameterValues that hold the URL, and decides
// whether this one meets the make's faults.
func (c *CPE) noteURLWrite(m *acsMessage) {
	c.move.odd = false
	list := m.rpc.child("ParameterList")
	if m.method != cwmp.MethodSetParameterValues || list == nil {
		return
	}
	if slices.ContainsFunc(list.nodes, func(n *element) bool { return n.value("Name") == c.nameOf("URL") }) {
		times := c.make.URLChange.Times
		c.move.odd = times == 0 || c.move.writes < times
		c.move.writes++
	}
}

// refuseURL answers a SetParameterValues whose URL the make does not take.
func (c *CPE) refuseURL(values []Parameter) (rpcAnswer, bool) {
	change, name := &c.make.URLChange, c.nameOf("URL")
	i := slices.IndexFunc(values, func(v Parameter) bool { return v.Name == name })
	if i < 0 {
		return rpcAnswer{}, false
	}
	code := ""
	if change.MaxLength > 0 && len(values[i].Value) > change.MaxLength {
		code = cwmp.FaultInvalidValue
	}
	if c.move.odd && change.Refuse != "" {
		code = change.Refuse
	}
	if code == "" {
		return rpcAnswer{}, false
	}
	others := slices.Delete(slices.Clone(values), i, i+1)
	faults := append(c.tree.check(others), paramFault{name, code})
	if change.NotAtomic {
		for _, v := range others {
			if c.tree.set([]Parameter{v}) == nil {
				c.takeLogin([]Parameter{v})
			}
		}
	}
	if change.Bare {
		return rpcAnswer{fault: code}, true
	}
	return rpcAnswer{fault: cwmp.FaultInvalidArguments, faults: faults}, true
}

// takeURL takes the URL of a SetParameterValues that is in the tree by now, or
// leaves it for later. It returns the Status of the answer.
func (c *CPE) takeURL(values []Parameter) (status string) {
	for _, v := range values {
		if v.Name != c.nameOf("URL") {
			continue
		}
		if v.Value == c.move.text {
			c.move.next = ""
			continue
		}
		if _, err := parseACS(v.Value); err != nil {
			continue
		}
		if c.make.URLChange.When == URLAtOnce {
			c.moveTo(v.Value)
			continue
		}
		c.move.next = v.Value
		if c.make.URLChange.ReadsOld {
			c.tree.Put(v.Name, c.move.text)
		}
	}
	if c.move.next != "" && c.make.URLChange.When == URLAfterReboot {
		return "1"
	}
	return "0"
}

// moveTo makes a good URL that of the sessions to come, and a bootstrap due.
func (c *CPE) moveTo(text string) {
	if c.SetURL(text) != nil {
		return
	}
	change := &c.make.URLChange
	due := []cwmp.Event{{Code: cwmp.EventBootstrap}}
	if change.ValueChange {
		due = append(due, cwmp.Event{Code: cwmp.EventValueChange})
		c.move.tell = true
	}
	before := c.events
	c.events, c.plain = due, false
	if !change.Keeps {
		c.queue = nil
		return
	}
	for _, e := range before {
		c.addEvent(e)
	}
}

// takeLogin keeps a written Username and Password for the next session.
func (c *CPE) takeLogin(values []Parameter) {
	l := login{c.cfg.Username, c.cfg.Password}
	if c.move.login != nil {
		l = *c.move.login
	}
	before := l
	for _, v := range values {
		switch v.Name {
		case c.nameOf("Username"):
			l.username = v.Value
		case c.nameOf("Password"):
			l.password = v.Value
		}
	}
	if l == before {
		return
	}
	c.move.login = &l
	if c.make.URLChange.LoginAtOnce {
		c.useLogin()
	}
}

func (c *CPE) useLogin() {
	if l := c.move.login; l != nil {
		c.cfg.Username, c.cfg.Password, c.move.login = l.username, l.password, nil
	}
}

// afterSession takes what waited for the end of a session or for a restart.
func (c *CPE) afterSession() {
	change := &c.make.URLChange
	restart := c.move.restart
	if restart {
		c.move.restart, c.retries = false, 0
	}
	if restart || change.When != URLAfterReboot {
		c.useLogin()
	}
	if next := c.move.next; next != "" && (restart || change.When == URLAtSessionEnd) {
		boot := slices.DeleteFunc(slices.Clone(c.events), func(e cwmp.Event) bool {
			return e.Code != cwmp.EventBoot && e.Code != cwmp.EventMReboot
		})
		c.moveTo(next)
		for _, e := range boot {
			c.addEvent(e)
		}
	}
	if change.FallbackAfter > 0 && c.retries >= change.FallbackAfter && c.move.text != c.cfg.URL {
		c.moveTo(c.cfg.URL)
	}
}

// resetURL is what a factory reset does to URL and credentials.
func (c *CPE) resetURL() {
	c.move.next = ""
	if c.make.URLChange.ResetsURL {
		c.move.login = &c.move.first
		if u, err := parseACS(c.cfg.URL); err == nil {
			c.url, c.move.text = u, c.cfg.URL
		}
	}
	c.tree.Put(c.nameOf("URL"), c.move.text)
	username := c.cfg.Username
	if c.move.login != nil {
		username = c.move.login.username
	}
	if username != "" {
		c.tree.Put(c.nameOf("Username"), username)
	}
}

// hidden blanks what reads as empty. Protocol notes 3.
func (c *CPE) hidden(params []Parameter) []Parameter {
	for i := range params {
		name := strings.TrimPrefix(params[i].Name, c.make.Root)
		if strings.HasSuffix(name, "Password") || slices.Contains(c.make.URLChange.ReadsEmpty, name) {
			params[i].Value = ""
		}
	}
	return params
}
