package admin

// Roles of an identity; each may do what those before it may.
const (
	RoleViewer   = "viewer"   // reads
	RoleOperator = "operator" // wakes devices, captures conversations
	RoleAdmin    = "admin"    // everything
)

// Identity is who sends a request: the entry of `admin.tokens` that was proven.
type Identity struct {
	Name  string `json:"name"`
	Role  string `json:"role"`
	Scope Scope  `json:"scope"`
}

// May tells whether the identity's role includes another. The zero Identity may
// nothing.
func (i Identity) May(role string) bool { return rank(i.Role) > 0 && rank(i.Role) >= rank(role) }

// rank orders the roles; 0 is none.
func rank(role string) int {
	switch role {
	case RoleViewer:
		return 1
	case RoleOperator:
		return 2
	case RoleAdmin:
		return 3
	}
	return 0
}
