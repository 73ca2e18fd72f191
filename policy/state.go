package policy

// State is what is believed of an ACS.
type State uint8

// States of an ACS. An ACS begins Up.
const (
	Up         State = iota
	Suspect          // failures of late, too few to say that it is down
	Down             // failures in a row
	Recovering       // answers again, not yet for long enough
)

// States lists every State, in order, for metrics.
func States() []State { return []State{Up, Suspect, Down, Recovering} }

// String returns the state in lower case, as logs and metrics show it.
func (s State) String() string {
	switch s {
	case Up:
		return "up"
	case Suspect:
		return "suspect"
	case Down:
		return "down"
	case Recovering:
		return "recovering"
	}
	return "unknown"
}
