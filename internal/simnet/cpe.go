package simnet

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// AuthMode says which HTTP authentication a CPE does.
type AuthMode uint8

// The modes.
const (
	AuthAny    AuthMode = iota // whatever the ACS asks for, when there is a user name
	AuthNone                   // none; a challenge ends the session
	AuthBasic                  // Basic only, pre-emptive where the make is so
	AuthDigest                 // Digest only
)

// CPEConfig describes one simulated CPE.
type CPEConfig struct {
	// URL of the ACS, ManagementServer.URL.
	URL  string
	Make Make
	// Device is the identity; when its SerialNumber is empty, the make's with
	// serial "<prefix>000001".
	Device             cwmp.DeviceID
	Username, Password string
	Auth               AuthMode
	// Parameters replaces the data model of the make, if not nil. They should
	// include those of the make's Inform.
	Parameters []Parameter
	// Timeout bounds each exchange; zero means 30 s, as easycwmp's.
	Timeout time.Duration
	// TLS is the base of the client's settings for https URLs; the habits of
	// the make are applied to a copy.
	TLS *tls.Config
	// Resolve, if not nil, turns the host:port of a URL into that to be dialled,
	// as Names.Resolve does. TLS goes by the URL's host nevertheless.
	Resolve func(address string) (string, error)
	// Dial replaces net.Dialer, to choose source addresses or count.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Pause is waited before each POST but the first.
	Pause time.Duration
	// Trace keeps the raw heads of requests and replies in the legs.
	Trace bool
	// Now is the clock of the envelopes; nil means time.Now.
	Now func() time.Time
}

// CPE is one simulated CPE. Its state outlives sessions as on a device:
// parameters, pending events, ManagementServer.URL. It is not safe for
// concurrent use.
type CPE struct {
	cfg     CPEConfig
	make    *Make
	url     *url.URL
	tree    *Tree
	jar     jar
	auth    auth
	ids     int
	retries int
	events  []cwmp.Event // to be told in the next session
	queue   []ownRequest // to be sent in the next session
	plain   bool         // the ACS refused compressed bodies
	move    urlState

	lastFault string // code of the fault that answer made, or ""

	newID     func() string // replaced where a test needs known bytes
	newCNonce func() string
}

// NewCPE checks the configuration. It opens no connection.
func NewCPE(cfg CPEConfig) (*CPE, error) {
	return newCPE(cfg, newTreeBase(modelOf(cfg)))
}

// modelOf is the data model of a CPE: its own or its make's.
func modelOf(cfg CPEConfig) []Parameter {
	if cfg.Parameters != nil {
		return cfg.Parameters
	}
	return cfg.Make.model()
}

// model is the Inform's parameters and the usual others.
func (m *Make) model() []Parameter {
	params := append([]Parameter(nil), m.Inform...)
	have := map[string]bool{}
	for _, p := range params {
		have[p.Name] = true
	}
	for _, p := range m.present(moreParams(m.Root, m.Device)) {
		if !have[p.Name] {
			params = append(params, p)
		}
	}
	return params
}

func newCPE(cfg CPEConfig, base *treeBase) (*CPE, error) {
	if cfg.Make.Name == "" {
		cfg.Make = generic()
	}
	if cfg.Device.SerialNumber == "" {
		cfg.Device = cfg.Make.DeviceNumber(1)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Dial == nil {
		cfg.Dial = new(net.Dialer).DialContext
	}
	c := &CPE{cfg: cfg, make: &cfg.Make, tree: newTree(base), jar: jar{mode: cfg.Make.Cookies}}
	c.newID, c.newCNonce = c.nextID, randomCNonce
	u, err := parseACS(cfg.URL)
	if err != nil {
		return nil, err
	}
	c.url, c.move.text, c.move.first = u, cfg.URL, login{cfg.Username, cfg.Password}
	c.tree.Put(c.make.Root+"DeviceInfo.SerialNumber", cfg.Device.SerialNumber)
	if cfg.Parameters == nil {
		c.tree.Put(c.nameOf("URL"), cfg.URL)
		if cfg.Username != "" {
			c.tree.Put(c.nameOf("Username"), cfg.Username)
		}
	}
	return c, nil
}

// DeviceNumber is the identity of the n-th device of a make.
func (m *Make) DeviceNumber(n int) cwmp.DeviceID {
	id := m.Device
	id.SerialNumber = fmt.Sprintf("%s%06d", id.SerialNumber, n)
	return id
}

// SetURL sets the ACS of the sessions to come, without an event.
func (c *CPE) SetURL(acs string) error {
	u, err := parseACS(acs)
	if err != nil {
		return err
	}
	c.url, c.move.text, c.move.next = u, acs, ""
	c.tree.Put(c.nameOf("URL"), acs)
	return nil
}

func parseACS(acs string) (*url.URL, error) {
	u, err := url.Parse(acs)
	if err != nil {
		return nil, fmt.Errorf("ACS URL %q: %w", acs, err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return nil, fmt.Errorf("ACS URL %q: want http://host:port/path or https://host:port/path", acs)
	}
	return u, nil
}

// URL is the ACS of the next session. SetParameterValues changes it too, as
// Make.URLChange says.
func (c *CPE) URL() string { return c.move.text }

// Device is the CPE's identity.
func (c *CPE) Device() cwmp.DeviceID { return c.cfg.Device }

// Make is what kind of CPE it is.
func (c *CPE) Make() Make { return *c.make }

// Tree is the CPE's data model.
func (c *CPE) Tree() *Tree { return c.tree }

// Pending reports whether the CPE wants another session soon, because a
// Reboot, Download or the like has left an event to tell.
func (c *CPE) Pending() bool { return len(c.events) > 0 || len(c.queue) > 0 }

func (c *CPE) nextID() string {
	c.ids++
	if c.make.Style.RandomID {
		return strings.ToLower(rand.Text()[:8])
	}
	return strconv.Itoa(c.ids)
}

func randomCNonce() string { return rand.Text() }

// now is the time in envelopes.
func (c *CPE) now() time.Time { return c.cfg.Now() }

// encoding is the Content-Encoding of bodies, or "".
func (c *CPE) encoding() string {
	if c.plain {
		return ""
	}
	return c.make.Encoding
}

// StatusError is an HTTP status that ends a session.
type StatusError struct {
	Status     int
	RetryAfter time.Duration // of a 503, zero when it says nothing
}

// Error implements error.
func (e *StatusError) Error() string { return "ACS answered " + strconv.Itoa(e.Status) }

// errClosed says that the ACS closed a connection instead of answering.
var errClosed = errors.New("connection closed without a reply")
