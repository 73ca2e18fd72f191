package admin

import (
	"net/http"
	"strings"
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
func (a *API) routes(mux *http.ServeMux, g *guard) {
	own := http.NewServeMux()
	all := a.endpoints()
	for i := range all {
		own.Handle(all[i].method+" "+PathAPI+all[i].path, g.serve(&all[i]))
	}
	mux.HandleFunc(PathAPI, func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := own.Handler(r); pattern != "" {
			own.ServeHTTP(w, r)
			return
		}
		p := refuse(http.StatusNotFound, "%q is no part of the API", clip(r.URL.EscapedPath()))
		if methods := methodsOf(own, r); len(methods) > 0 {
			p = refuse(http.StatusMethodNotAllowed, "%s is not for %q, which has %s", r.Method, clip(r.URL.EscapedPath()), strings.Join(methods, ", "))
			p.allow = strings.Join(methods, ", ")
		}
		g.metrics.request("none", p.Status)
		fail(w, p)
	})
}

// methodsOf returns the methods that a path has.
func methodsOf(mux *http.ServeMux, r *http.Request) (methods []string) {
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		asked := *r
		asked.Method = method
		if _, pattern := mux.Handler(&asked); pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}
