package simnet

import (
	"slices"
	"strings"
)

// The roots of the data models.
const (
	RootTR098 = "InternetGatewayDevice."
	RootTR181 = "Device."
)

// WithRoot returns the make with its data model below another root.
func (m Make) WithRoot(root string) Make {
	m.Inform = slices.Clone(m.Inform)
	for i := range m.Inform {
		if rest, ok := strings.CutPrefix(m.Inform[i].Name, m.Root); ok {
			m.Inform[i].Name = root + rest
		}
	}
	m.Root = root
	return m
}

// Without returns the make with a data model that lacks parameters, named
// without the root.
func (m Make) Without(names ...string) Make {
	m.Lacks = append(slices.Clone(m.Lacks), names...)
	m.Inform = m.present(m.Inform)
	return m
}

// present leaves out what the make lacks.
func (m *Make) present(params []Parameter) []Parameter {
	if len(m.Lacks) == 0 {
		return params
	}
	return slices.DeleteFunc(slices.Clone(params), func(p Parameter) bool {
		return slices.Contains(m.Lacks, strings.TrimPrefix(p.Name, m.Root))
	})
}
