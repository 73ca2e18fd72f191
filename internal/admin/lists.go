package admin

import "net/http"

// SessionList are sessions that are under way.
type SessionList struct {
	Sessions []SessionRow `json:"sessions"`
}

func bindingParameters() []parameter {
	return append([]parameter{
		{name: "q", about: "Any part of the identity or of an address."},
		{name: "nat", about: "The kind of NAT before the device.", kind: choiceKind, choices: natChoices()},
		{name: "state", about: "The state of the binding.", kind: choiceKind, choices: []string{"fresh", "stale"}},
	}, pageParameters()...)
}

// ParseBindingQuery reads the query of a URL as GET bindings does, without a scope.
// The error says what is wrong with each parameter.
func ParseBindingQuery(raw string) (BindingQuery, error) {
	q, err := parseQuery(raw, bindingParameters())
	if err != nil {
		return BindingQuery{}, err
	}
	return bindingQuery(q), nil
}

func bindingQuery(q query) BindingQuery {
	return BindingQuery{NAT: q["nat"], State: q["state"], Text: q["q"], Limit: q.number("limit"), Cursor: q["cursor"]}
}

func (a *API) listEndpoints() []endpoint {
	return []endpoint{
		{
			id: "listSessions", method: http.MethodGet, path: "sessions", role: RoleViewer, answer: SessionList{},
			query:   []parameter{{name: "limit", about: "At most so many.", kind: numberKind, least: 1, most: maxPage, preset: "100"}},
			summary: "List the sessions that are under way", missing: a.Sessions == nil, handle: a.listSessions,
		}, {
			id: "listBindings", method: http.MethodGet, path: "bindings", role: RoleViewer, query: bindingParameters(), answer: BindingPage{},
			summary: "List STUN bindings", about: "`counts` is of all bindings; for a token with a scope it is empty.",
			missing: a.Bindings == nil, handle: a.listBindings,
		},
	}
}

func (a *API) listSessions(w http.ResponseWriter, r *request) error {
	list := SessionList{Sessions: a.Sessions(r.who.Scope, r.query.number("limit"))}
	if list.Sessions == nil {
		list.Sessions = []SessionRow{}
	}
	return answer(w, http.StatusOK, list)
}

func (a *API) listBindings(w http.ResponseWriter, r *request) error {
	q := bindingQuery(r.query)
	q.Scope = r.who.Scope
	page, err := a.Bindings(r.Context(), q)
	if err != nil {
		return err
	}
	if !r.who.Scope.Whole() {
		page.Counts = BindingCount{}
	}
	if page.Bindings == nil {
		page.Bindings = []BindingRow{}
	}
	page.Counts.complete()
	return answer(w, http.StatusOK, page)
}

// complete fills in what would be null in JSON.
func (c *BindingCount) complete() {
	if c.Kinds == nil {
		c.Kinds = map[string]int{}
	}
	if c.Ages == nil {
		c.Ages = []AgeCount{}
	}
}
