package admin

import (
	"fmt"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// PathAPI is below which the JSON API is.
const PathAPI = "/api/v1/"

// DeviceView is what is known of one device.
type DeviceView struct {
	Device          string          `json:"device"`
	Manufacturer    string          `json:"manufacturer,omitempty"`
	OUI             string          `json:"oui"`
	ProductClass    string          `json:"product_class,omitempty"`
	SerialNumber    string          `json:"serial_number"`
	SoftwareVersion string          `json:"software_version,omitempty"`
	ACS             string          `json:"acs,omitempty"`
	AssignedACS     string          `json:"assigned_acs,omitempty"`
	Rule            string          `json:"rule,omitempty"`
	Source          string          `json:"source,omitempty"`
	LastInform      string          `json:"last_inform,omitempty"`
	LastEvents      []string        `json:"last_events,omitempty"`
	Sessions        uint32          `json:"sessions"`
	Failed          uint32          `json:"failed"`
	Reach           *ReachView      `json:"reach,omitempty"`
	LastRequest     *WakeResult     `json:"last_connection_request,omitempty"`
	ACSSees         *ConnectionView `json:"acs_sees,omitempty"`
	// Decision says step by step where the next session goes and why.
	Decision []StepView `json:"decision,omitempty"`
	// Campaign is the one that the device belongs to.
	Campaign *MembershipView `json:"campaign,omitempty"`
	// Pending is what the gateway will ask of the CPE in its next session.
	Pending string `json:"pending,omitempty"`
	// Journal is what the gateway has done in its last sessions, oldest first.
	Journal []JournalView `json:"journal,omitempty"`
}

// StepView is one step of a decision.
type StepView struct {
	Kind   string `json:"kind"` // rule, campaign, acs, decision
	Name   string `json:"name"`
	Result string `json:"result"`
	Detail string `json:"detail,omitempty"`
}

// MembershipView is how far a campaign is with a device.
type MembershipView struct {
	Name string `json:"name"`
	MemberView
}

// JournalView is one thing that was done.
type JournalView struct {
	At   string `json:"at"`
	What string `json:"what"`
	Text string `json:"text"`
}

// ConnectionView is how a device says that it can be reached.
type ConnectionView struct {
	URL        string `json:"connection_request_url,omitempty"`
	UDPAddress string `json:"udp_connection_request_address,omitempty"`
}

// ReachView is how a device can be reached.
type ReachView struct {
	Reported ConnectionView `json:"reported"`
	// Binding is where STUN packets of the device come from.
	Binding *BindingView `json:"binding,omitempty"`
	// NotByUDP and NotByHTTP say why a transport cannot be used, "" if it can.
	NotByUDP  string `json:"not_by_udp,omitempty"`
	NotByHTTP string `json:"not_by_http,omitempty"`
}

// BindingView is a STUN binding.
type BindingView struct {
	Local      string  `json:"local"`
	Remote     string  `json:"remote"`
	Evidence   string  `json:"evidence"`
	NAT        string  `json:"nat"`
	FirstSeen  string  `json:"first_seen"`
	LastSeen   string  `json:"last_seen"`
	Stale      bool    `json:"stale"`
	Changes    uint32  `json:"changes"`
	KeepAliveS float64 `json:"keep_alive_s,omitempty"`
	SurvivedS  float64 `json:"survived_s,omitempty"`
	LostS      float64 `json:"lost_s,omitempty"`
	Candidate  string  `json:"candidate,omitempty"`
}

// routes adds the API to the mux.
func (a *API) routes(mux *http.ServeMux, who *Authenticator, log *zap.Logger) {
	guard := guard{who: who, log: log}
	mux.Handle("GET "+PathAPI+"devices/{id}", guard.needs(RoleViewer, a.device))
	mux.Handle("POST "+PathAPI+"devices/{id}/connection-request", guard.needs(RoleOperator, a.wake))
	mux.Handle("POST "+PathAPI+"connection-requests", guard.needs(RoleOperator, a.wakeMany))
	if a.Return != nil {
		mux.Handle("POST "+PathAPI+"acs/{name}/return", guard.needs(RoleAdmin, a.returnACS))
	}
	if a.Campaigns != nil {
		a.Campaigns.routes(mux, guard)
	}
	mux.HandleFunc(PathAPI, func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, fmt.Sprintf("%s %q is no part of the API", r.Method, r.URL.Path))
	})
}

// guard lets in who has a token.
type guard struct {
	who *Authenticator
	log *zap.Logger
}

// needs wraps what a token of a role may do. What changes something is logged
// with the token's name.
func (g guard) needs(role string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, ok := g.bearer(r)
		switch {
		case g.who.Empty():
			fail(w, http.StatusForbidden, "no token is configured: add admin.tokens to the configuration")
		case !ok:
			w.Header().Set("WWW-Authenticate", `Bearer realm="acsgate"`)
			fail(w, http.StatusUnauthorized, "send one of the tokens of admin.tokens as Authorization: Bearer TOKEN")
		case !t.May(role):
			fail(w, http.StatusForbidden, fmt.Sprintf("token %q lacks the role %s", t.Name, role))
		default:
			if r.Method != http.MethodGet {
				g.log.Info("api", zap.String("token", t.Name), zap.String("method", r.Method), zap.String("path", r.URL.EscapedPath()))
			}
			next(w, r)
		}
	})
}

// bearer returns who sends a request (RFC 6750 2.1).
func (g guard) bearer(r *http.Request) (Identity, bool) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Identity{}, false
	}
	return g.who.Token(strings.TrimSpace(text))
}

// deviceOf returns the device of a path. Its string form is written into the path
// as it is: what is escaped there is escaped in the form itself.
func deviceOf(w http.ResponseWriter, r *http.Request) (cwmp.DeviceID, bool) {
	rest := strings.TrimPrefix(r.URL.EscapedPath(), PathAPI+"devices/")
	text, _, _ := strings.Cut(rest, "/")
	id, err := cwmp.ParseDeviceID(text)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return id, false
	}
	return id, true
}
