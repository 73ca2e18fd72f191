package campaign

import (
	"github.com/acsgate/acsgate/internal/cwmp"
	"github.com/acsgate/acsgate/policy"
)

// SessionEnd is how a session ended.
type SessionEnd struct {
	Device   cwmp.DeviceID
	ACS      string
	Complete bool // ended as sessions should
	Faults   int  // SOAP faults of either side
	Events   []string
}

// Rewritten is what came of a Task.
type Rewritten struct {
	Device cwmp.DeviceID
	Task   Task
	policy.MoveOutcome
}

// NoteInform tells that an ACS has accepted a device's Inform. It never blocks.
func (e *Engine) NoteInform(id cwmp.DeviceID, acs string, events []string) {}

// NoteSession tells how a session ended. It never blocks.
func (e *Engine) NoteSession(s SessionEnd) {}

// NoteRewrite tells what came of a Task, also when the session broke. It never
// blocks.
func (e *Engine) NoteRewrite(r Rewritten) {}
