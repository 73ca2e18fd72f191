package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"

	"github.com/acsgate/acsgate/internal/cwmp"
)

// Assignment is which ACS a device is bound to, whatever the rules say.
type Assignment struct {
	Device string `json:"device"`
	ACS    string `json:"acs"` // "" where the rules decide
}

// AssignmentRequest is the ACS that a device is to be bound to.
type AssignmentRequest struct {
	ACS string `json:"acs"`
}

// assignmentTag is the ETag of an assignment.
func assignmentTag(id cwmp.DeviceID, acs string) string {
	sum := sha256.Sum256([]byte(id.String() + "\x00" + acs))
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func answerAssignment(w http.ResponseWriter, id cwmp.DeviceID, acs string) error {
	w.Header().Set("ETag", assignmentTag(id, acs))
	return answer(w, http.StatusOK, Assignment{Device: id.String(), ACS: acs})
}

func (a *API) getAssignment(w http.ResponseWriter, r *request) error {
	id, view, err := a.viewOf(r)
	if err != nil {
		return err
	}
	return answerAssignment(w, id, view.AssignedACS)
}

func (a *API) putAssignment(w http.ResponseWriter, r *request) error {
	var wanted AssignmentRequest
	if err := readBody(r.Request, &wanted); err != nil {
		return err
	}
	known := a.ACSs == nil || slices.ContainsFunc(a.ACSs(), func(v ACSView) bool { return v.Name == wanted.ACS })
	switch {
	case wanted.ACS == "":
		return refuseFields("body", []fieldProblem{{"acs", "is missing: name an ACS, or DELETE the assignment"}})
	case !r.who.Scope.Whole() && !slices.Contains(r.who.Scope.ACS, wanted.ACS):
		return refuse(http.StatusForbidden, "token %q may bind devices only to the ACSs that its scope names", r.who.Name)
	case !known:
		return refuseFields("body", []fieldProblem{{"acs", "is none of the ACSs that are configured"}})
	}
	return a.assign(w, r, wanted.ACS)
}

func (a *API) deleteAssignment(w http.ResponseWriter, r *request) error {
	if !r.who.Scope.Whole() && len(r.who.Scope.ACS) == 0 {
		return refuse(http.StatusForbidden, "token %q may not bind devices: its scope names no ACS", r.who.Name)
	}
	return a.assign(w, r, "")
}

// maxAssigns is how often a write that takes whatever is there is tried.
const maxAssigns = 5

// assign binds the device of the path if it is bound as If-Match says.
func (a *API) assign(w http.ResponseWriter, r *request, acs string) error {
	for try := 1; ; try++ {
		id, view, err := a.viewOf(r)
		if err != nil {
			return err
		}
		if err := checkMatch(r.Request, assignmentTag(id, view.AssignedACS)); err != nil {
			return err
		}
		r.detail = "from " + orRules(view.AssignedACS) + " to " + orRules(acs)
		err = a.Assign(r.Context(), id, view.AssignedACS, acs)
		if err == nil {
			return answerAssignment(w, id, acs)
		}
		if !errors.Is(err, ErrConflict) || !matchesAny(r.Request) || try == maxAssigns {
			return err
		}
	}
}

func orRules(acs string) string {
	if acs == "" {
		return "the rules"
	}
	return acs
}
