package file

import (
	"strings"
	"unicode/utf8"

	"parley/statemachine/state"
)

// CleanName makes a name of at most so many bytes (64 or more) under which a file can be stored on any disk, of
// whatever somebody calls it: one element of a path, with nothing in it that draws nothing, turns the direction of
// writing, hides the file, looks like an option or a device, or means something to a shell of Windows. A clean name
// stays as it is, and there always is one. Servers clean what comes in, and clients what comes out.
func CleanName(name string, bytesMax int) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	var b strings.Builder
	for _, r := range name {
		if r != ' ' && (!state.Visible(r) || r == utf8.RuneError || strings.ContainsRune(`<>:"|?*`, r)) {
			r = '_'
		}
		b.WriteRune(r)
	}
	name = strings.TrimRight(strings.TrimLeft(b.String(), " .-~"), " .")
	if device(name) {
		name = "_" + name
	}
	name = shorten(name, bytesMax)
	if name == "" {
		return "file"
	}
	return name
}

// shorten cuts a name to so many bytes, and keeps what says of which kind the file is.
func shorten(name string, bytesMax int) string {
	if len(name) <= bytesMax {
		return name
	}
	const extensionMax = 16
	extension := ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= extensionMax {
		extension = name[i:]
	}
	cut := bytesMax - len(extension)
	for cut > 0 && !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strings.TrimRight(name[:cut], " .") + extension
}

// device says whether Windows takes a name for a device, whatever stands behind its first dot.
func device(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.TrimRight(stem, " ")
	switch state.FoldName(stem) {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		return true
	}
	for _, port := range [...]string{"com", "lpt"} {
		rest, ok := strings.CutPrefix(state.FoldName(stem), port)
		if ok && utf8.RuneCountInString(rest) == 1 && strings.Contains("0123456789¹²³", rest) {
			return true
		}
	}
	return false
}
