package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/internal/journal"
)

// ErrConflict says that a document is not the one that If-Match names: 412.
var ErrConflict = errors.New("it has changed meanwhile")

// Scope is which devices a token may see and act on; all lists that are not empty
// must fit. The zero Scope is every device.
type Scope struct {
	Tenant       string   `json:"tenant,omitempty"` // names it, decides nothing
	OUI          []string `json:"oui,omitempty"`
	ProductClass []string `json:"product_class,omitempty"`
	Serial       []string `json:"serial,omitempty"` // whole, or the beginning before a *
	ACS          []string `json:"acs,omitempty"`    // that holds their sessions
}

// DeviceQuery asks for a page of devices. What is empty fits all.
type DeviceQuery struct {
	Text            string // any part of the identity, software version or address
	OUI             string
	ProductClass    string
	SoftwareVersion string
	ACS             string // that holds their sessions
	Campaign        string
	NAT             string        // a kind of NAT: none, keeps, symmetric, unstable, unknown
	Binding         string        // fresh, stale or none
	InformedWithin  time.Duration // last Inform is younger
	SilentFor       time.Duration // last Inform is older
	Failing         bool          // the last session did not end well, or most did not
	Scope           Scope
	Limit           int
	Cursor          string
}

// DeviceRow is a device in a list.
type DeviceRow struct {
	Device          string   `json:"device"`
	Manufacturer    string   `json:"manufacturer,omitempty"`
	OUI             string   `json:"oui"`
	ProductClass    string   `json:"product_class,omitempty"`
	SerialNumber    string   `json:"serial_number"`
	SoftwareVersion string   `json:"software_version,omitempty"`
	ACS             string   `json:"acs,omitempty"`
	Source          string   `json:"source,omitempty"`
	LastInform      string   `json:"last_inform,omitempty"`
	LastEvents      []string `json:"last_events,omitempty"`
	Sessions        uint32   `json:"sessions"`
	Failed          uint32   `json:"failed"`
	NAT             string   `json:"nat,omitempty"`
	Binding         string   `json:"binding,omitempty"` // fresh, stale or none
	Campaign        string   `json:"campaign,omitempty"`
}

// DevicePage is a page of devices.
type DevicePage struct {
	Devices []DeviceRow `json:"devices"`
	Next    string      `json:"next,omitempty"` // cursor of the next page, "" for none
	Total   int         `json:"total"`          // of devices that are known, whether or not they fit
}

// SessionRow is a session that is under way.
type SessionRow struct {
	Device    string  `json:"device,omitempty"`
	ACS       string  `json:"acs"`
	Rule      string  `json:"rule,omitempty"`
	Reason    string  `json:"reason,omitempty"`
	Listener  string  `json:"listener"`
	Source    string  `json:"source"`
	TLS       string  `json:"tls,omitempty"`
	Started   string  `json:"started"`
	AgeS      float64 `json:"age_s"`
	IdleS     float64 `json:"idle_s"`
	Exchanges int     `json:"exchanges"`
	LastRPC   string  `json:"last_rpc,omitempty"`
}

// ACSView is an ACS, its health and its load.
type ACSView struct {
	Name         string            `json:"name"`
	URL          string            `json:"url"`
	CPEURL       string            `json:"cpe_url,omitempty"`
	Backup       string            `json:"backup,omitempty"`
	FailoverMode string            `json:"failover_mode,omitempty"`
	State        string            `json:"state"`
	Since        string            `json:"since,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Away         bool              `json:"sessions_on_backup"`
	Manual       bool              `json:"returns_when_told,omitempty"`
	Devices      int               `json:"devices"` // whose last session it held
	Sessions     int               `json:"sessions"`
	Observed     map[string]uint64 `json:"observed"` // probes and exchanges, such as "probe_ok"
	Campaigns    []string          `json:"campaigns,omitempty"`
}

// BindingQuery asks for a page of STUN bindings.
type BindingQuery struct {
	NAT    string
	State  string // fresh, stale
	Text   string // part of the identity or of an address
	Scope  Scope
	Limit  int
	Cursor string
}

// BindingRow is a STUN binding in a list.
type BindingRow struct {
	Device string `json:"device"`
	BindingView
}

// BindingPage is a page of STUN bindings, with numbers of all of them.
type BindingPage struct {
	Bindings []BindingRow `json:"bindings"`
	Next     string       `json:"next,omitempty"`
	Counts   BindingCount `json:"counts"`
}

// BindingCount is how many bindings there are, of any device.
type BindingCount struct {
	Total int            `json:"total"`
	Fresh int            `json:"fresh"`
	Stale int            `json:"stale"`
	Kinds map[string]int `json:"kinds"` // of NATs
	Ages  []AgeCount     `json:"ages"`  // of the last packet, ascending
	At    string         `json:"at"`    // when they were counted
}

// AgeCount is how many bindings were last seen within a time.
type AgeCount struct {
	WithinS float64 `json:"within_s"` // 0 for the rest
	Count   int     `json:"count"`
}

// Overview is the whole at a glance.
type Overview struct {
	At           string            `json:"at"`
	Version      string            `json:"version"`
	Started      string            `json:"started"`
	Ready        bool              `json:"ready"`
	NotReady     []string          `json:"not_ready,omitempty"`
	Devices      int               `json:"devices"`
	Sessions     int               `json:"sessions"` // under way
	ACS          []ACSView         `json:"acs"`
	Bindings     BindingCount      `json:"bindings"`
	Campaigns    []CampaignView    `json:"campaigns,omitempty"` // that are not over
	Certificates []CertificateView `json:"certificates,omitempty"`
	Problems     []Problem         `json:"problems,omitempty"` // what an operator should look at
}

// Problem is something that an operator should look at.
type Problem struct {
	Severity string `json:"severity"` // error, warning
	Subject  string `json:"subject"`  // such as "acs north"
	Text     string `json:"text"`
	Since    string `json:"since,omitempty"`
}

// Series are measurements over time, all of the same moments.
type Series struct {
	Begin string       `json:"begin"`
	StepS float64      `json:"step_s"`
	Times []int64      `json:"times"` // Unix seconds
	Lines []SeriesLine `json:"lines"`
}

// SeriesLine is one of Series.
type SeriesLine struct {
	Name   string            `json:"name"`   // such as sessions_per_second
	Labels map[string]string `json:"labels"` // such as acs, outcome
	Unit   string            `json:"unit"`
	Values []*float64        `json:"values"` // null where nothing is known
}

// CertificateView is a certificate.
type CertificateView struct {
	Names     []string `json:"names"`
	Source    string   `json:"source"` // file, acme
	Issuer    string   `json:"issuer,omitempty"`
	NotBefore string   `json:"not_before,omitempty"`
	NotAfter  string   `json:"not_after,omitempty"`
	State     string   `json:"state"` // valid, expires, expired, missing
	Reason    string   `json:"reason,omitempty"`
}

// ConfigView is the configuration in force.
type ConfigView struct {
	File      string   `json:"file,omitempty"`
	LoadedAt  string   `json:"loaded_at"`
	Effective string   `json:"effective"` // YAML, defaults filled in, secrets masked
	Problems  []string `json:"problems"`  // of the file as it is now, and of the last reload
	Changed   bool     `json:"changed"`   // the file is not the one that was loaded
	Revision  string   `json:"revision"`
}

// Timeline is what happened to one device, newest first.
type Timeline struct {
	Device  string          `json:"device"`
	Entries []TimelineEntry `json:"entries"`
	// Advice says in words why the device is not reachable, or that it is.
	Advice []string `json:"advice,omitempty"`
}

// TimelineEntry is one of a Timeline. Data is the document of the Kind, as
// documented in package journal.
type TimelineEntry struct {
	ID   uint64          `json:"id"`
	At   time.Time       `json:"at"`
	Kind journal.Kind    `json:"kind"`
	ACS  string          `json:"acs,omitempty"`
	Text string          `json:"text"`
	Data json.RawMessage `json:"data,omitempty"`
}

// CaptureView is a capture of one device's conversation.
type CaptureView struct {
	ID       string `json:"id"`
	Device   string `json:"device"`
	Started  string `json:"started"`
	Ends     string `json:"ends"`
	Running  bool   `json:"running"`
	Messages int    `json:"messages"`
	Bytes    int    `json:"bytes"`
	Cut      int    `json:"cut"` // messages that found no room
	By       string `json:"by"`  // name of the token
}

// Resources are what the API and the console show beside devices and campaigns.
// Functions are called concurrently; those that are nil are answered with 404.
type Resources struct {
	Devices  func(context.Context, DeviceQuery) (DevicePage, error)
	Sessions func(Scope, int) []SessionRow
	ACSs     func() []ACSView
	Bindings func(context.Context, BindingQuery) (BindingPage, error)
	Overview func() Overview
	// Series returns measurements since a time, at most some 720 of them.
	Series       func(since time.Time) Series
	Certificates func() []CertificateView
	Config       func() ConfigView
	// Reload reads the configuration file again. The error lists all problems.
	Reload func(context.Context) error
	// Timeline returns the last things that happened to a device.
	Timeline func(id cwmp.DeviceID, limit int) Timeline
	// Assign binds a device to an ACS for good, or with "" to none, if it is bound
	// to was; ErrConflict if it is not.
	Assign func(ctx context.Context, id cwmp.DeviceID, was, acs string) error
	// InScope tells whether a device is one of a scope.
	InScope func(Scope, cwmp.DeviceID) bool
	// Events subscribes to events after one of that number, 0 for those to come.
	Events func(journal.Filter, uint64) (*journal.Reader, error)
	// Publish records an event, such as of the audit log.
	Publish func(journal.Event)

	Captures Captures
}

// Captures records the conversations of single devices for a while.
type Captures struct {
	Start func(id cwmp.DeviceID, by string, last time.Duration) (CaptureView, error)
	Stop  func(id string) error
	Get   func(id string) (CaptureView, bool)
	List  func() iter.Seq[CaptureView]
	// Write writes a capture as "text" or "har".
	Write func(w io.Writer, id, format string) error
}
