package console

import "html/template"

// icons are paths within 16 by 16.
var icons = map[string]string{
	"gauge":   `M2.500 12.500a6.500 6.500 0 1 1 11 0M8 9.500l3-3.500`,
	"router":  `M2 9.500h12v4H2zM4.500 11.500h.01M7 11.500h.01M5 6.500a4.200 4.200 0 0 1 6 0M3 4.300a7 7 0 0 1 10 0`,
	"pulse":   `M1.500 8.500h3l2-5 3 9 2-4h3`,
	"server":  `M2.500 2.500h11v4.500h-11zM2.500 9h11v4.500h-11zM5 4.800h.01M5 11.300h.01`,
	"flag":    `M3.500 14V2.500h8.500l-2 3 2 3H3.500`,
	"nat":     `M8 1.800 14 8l-6 6.200L2 8zM5.500 8h5M8.800 6.200 10.500 8 8.800 9.800`,
	"list":    `M5.500 4h8M5.500 8h8M5.500 12h8M2.500 4h.01M2.500 8h.01M2.500 12h.01`,
	"lock":    `M3.500 7.500h9v6h-9zM5.500 7.500V5a2.500 2.500 0 0 1 5 0v2.500`,
	"sliders": `M2 4.500h5M10 4.500h4M2 11.500h3M8 11.500h6M8.500 3v3M6.500 10v3`,
	"eye":     `M1.500 8S4 3.500 8 3.500 14.500 8 14.500 8 12 12.500 8 12.500 1.500 8 1.500 8zM8 9.700a1.700 1.700 0 1 0 0-3.400 1.700 1.700 0 0 0 0 3.400z`,
	"menu":    `M2.500 4.500h11M2.500 8h11M2.500 11.500h11`,
	"theme":   `M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11`,
	"out":     `M6.500 2.500h-4v11h4M10 5l3 3-3 3M13 8H6`,
	"bell":    `M4 11V7a4 4 0 0 1 8 0v4l1.200 1.500H2.800zM6.800 14.300h2.400`,
}

// icon draws an icon, which says nothing to those who do not see it.
func icon(name string) template.HTML {
	return template.HTML(`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false"><path d="` + icons[name] + `"/></svg>`)
}
