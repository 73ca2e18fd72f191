package admin

import (
	"net/http"
	"strings"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Bounds of pages.
const (
	defaultPage = 100
	maxPage     = 1000
)

func pageParameters() []parameter {
	return []parameter{
		{name: "limit", about: "At most so many.", kind: numberKind, least: 1, most: maxPage, preset: "100"},
		{name: "cursor", about: "The page after the one whose `next` this is."},
	}
}

func natChoices() []string { return []string{"none", "keeps", "symmetric", "unstable", "unknown"} }

func deviceParameters() []parameter {
	return append([]parameter{
		{name: "q", about: "Any part of the identity, the software version or the address."},
		{name: "oui", about: "The manufacturer's OUI, six hexadecimal digits."},
		{name: "product_class", about: "The product class, whole."},
		{name: "software_version", about: "The software version, whole."},
		{name: "acs", about: "The ACS that holds the device's sessions."},
		{name: "campaign", about: "A campaign that the device belongs to."},
		{name: "nat", about: "The kind of NAT before the device.", kind: choiceKind, choices: natChoices()},
		{name: "binding", about: "The state of the STUN binding.", kind: choiceKind, choices: []string{"fresh", "stale", "none"}},
		{name: "informed_within", about: "The last Inform is younger, such as 24h.", kind: durationKind},
		{name: "silent_for", about: "The last Inform is older, such as 24h.", kind: durationKind},
		{name: "failing", about: "Sessions end badly: the last one did, or most did.", kind: flagKind},
	}, pageParameters()...)
}

// ParseDeviceQuery reads the query of a URL as GET devices does, without a scope.
// The error says what is wrong with each parameter.
func ParseDeviceQuery(raw string) (DeviceQuery, error) {
	q, err := parseQuery(raw, deviceParameters())
	if err != nil {
		return DeviceQuery{}, err
	}
	return deviceQuery(q), nil
}

func deviceQuery(q query) DeviceQuery {
	found := DeviceQuery{
		Text: q["q"], ProductClass: q["product_class"], SoftwareVersion: q["software_version"], ACS: q["acs"],
		Campaign: q["campaign"], NAT: q["nat"], Binding: q["binding"],
		InformedWithin: q.duration("informed_within"), SilentFor: q.duration("silent_for"), Failing: q.flag("failing"),
		Limit: q.number("limit"), Cursor: q["cursor"],
	}
	if q["oui"] != "" {
		found.OUI = cwmp.NormalizeOUI(q["oui"])
	}
	return found
}

// Sees tells whether a device is one that somebody may see and act on.
func (a *API) Sees(who Identity, id cwmp.DeviceID) bool {
	return who.Scope.Whole() || a.InScope != nil && a.InScope(who.Scope, id)
}

func (a *API) deviceEndpoints() []endpoint {
	return []endpoint{
		{
			id: "listDevices", method: http.MethodGet, path: "devices", role: RoleViewer, query: deviceParameters(), answer: DevicePage{},
			summary: "List devices", about: "All filters must fit. `total` counts all devices that are known; a token with a scope does not get it.",
			missing: a.Devices == nil, handle: a.listDevices,
		}, {
			id: "getDevice", method: http.MethodGet, path: "devices/{id}", role: RoleViewer, answer: DeviceView{}, etag: true,
			summary: "Read a device", about: "The ETag is that of the device's assignment: it stays the same while Informs come. " +
				"A token with a scope does not get the steps of the decision, which name the rules of others.",
			missing: a.Device == nil, handle: a.getDevice,
		}, {
			id: "getTimeline", method: http.MethodGet, path: "devices/{id}/timeline", role: RoleViewer, answer: Timeline{},
			query:   []parameter{{name: "limit", about: "At most so many entries.", kind: numberKind, least: 1, most: maxPage, preset: "100"}},
			summary: "Read what happened to a device", about: "The newest entry comes first. `advice` says why the device is not reachable, or that it is.",
			missing: a.Timeline == nil, handle: a.getTimeline,
		}, {
			id: "getAssignment", method: http.MethodGet, path: "devices/{id}/assignment", role: RoleViewer, answer: Assignment{}, etag: true,
			summary: "Read which ACS a device is bound to", missing: a.Device == nil, handle: a.getAssignment,
		}, {
			id: "assignDevice", method: http.MethodPut, path: "devices/{id}/assignment", role: RoleAdmin, body: AssignmentRequest{}, answer: Assignment{},
			match: true, etag: true,
			summary: "Bind a device to an ACS for good", about: "A token with a scope may name only the ACSs of its scope.",
			missing: a.Assign == nil || a.Device == nil, handle: a.putAssignment,
		}, {
			id: "unassignDevice", method: http.MethodDelete, path: "devices/{id}/assignment", role: RoleAdmin, answer: Assignment{}, match: true, etag: true,
			summary: "Leave a device to the rules again", missing: a.Assign == nil || a.Device == nil, handle: a.deleteAssignment,
		},
	}
}

// deviceOf returns the device of a path, if it is one that the sender may see. Its
// string form is written into the path as it is: what is escaped there is escaped in
// the form itself.
func (a *API) deviceOf(r *request) (cwmp.DeviceID, error) {
	id, err := deviceOfPath(r.URL.EscapedPath())
	if err != nil {
		return id, err
	}
	if !a.Sees(r.who, id) {
		return id, unknownDevice(id)
	}
	return id, nil
}

func deviceOfPath(escaped string) (cwmp.DeviceID, error) {
	rest, ok := strings.CutPrefix(escaped, PathAPI+"devices/")
	text, _, _ := strings.Cut(rest, "/")
	if !ok {
		return cwmp.DeviceID{}, refuse(http.StatusBadRequest, "path: write %sdevices/ID", PathAPI)
	}
	id, err := cwmp.ParseDeviceID(text)
	if err != nil {
		return cwmp.DeviceID{}, refuse(http.StatusBadRequest, "%v", err)
	}
	return id, nil
}

func unknownDevice(id cwmp.DeviceID) error {
	return refuse(http.StatusNotFound, "device %s is not known: no session of it was seen yet", id)
}

func (a *API) listDevices(w http.ResponseWriter, r *request) error {
	q := deviceQuery(r.query)
	q.Scope = r.who.Scope
	page, err := a.Devices(r.Context(), q)
	if err != nil {
		return err
	}
	if page.Devices == nil {
		page.Devices = []DeviceRow{}
	}
	if !r.who.Scope.Whole() {
		page.Total = 0
	}
	return answer(w, http.StatusOK, page)
}

// viewOf returns a device of a path as it stands.
func (a *API) viewOf(r *request) (cwmp.DeviceID, DeviceView, error) {
	id, err := a.deviceOf(r)
	if err != nil {
		return id, DeviceView{}, err
	}
	view, ok := a.Device(id)
	if !ok {
		return id, view, unknownDevice(id)
	}
	return id, view, nil
}

func (a *API) getDevice(w http.ResponseWriter, r *request) error {
	id, view, err := a.viewOf(r)
	if err != nil {
		return err
	}
	if !r.who.Scope.Whole() {
		view.Decision = nil
	}
	w.Header().Set("ETag", assignmentTag(id, view.AssignedACS))
	return answer(w, http.StatusOK, view)
}

func (a *API) getTimeline(w http.ResponseWriter, r *request) error {
	id, err := a.deviceOf(r)
	if err != nil {
		return err
	}
	t := a.Timeline(id, r.query.number("limit"))
	if len(t.Entries) == 0 && a.Device != nil {
		if _, known := a.Device(id); !known {
			return unknownDevice(id)
		}
	}
	if t.Entries == nil {
		t.Entries = []TimelineEntry{}
	}
	return answer(w, http.StatusOK, t)
}
