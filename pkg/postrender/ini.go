package postrender

import (
	"maps"
	"slices"
	"strings"
)

// ini is the content of an ini file: section -> option -> value.
type ini map[string]map[string]string

// settings are changes of an ini file: section -> option -> the value, or nil
// where it has to go. The option "" stands for the section as a whole.
type settings map[string]map[string]*string

// difference is what makes was is.
func difference(was, is ini) settings {
	s := settings{}
	for section, options := range was {
		if is[section] == nil {
			s.put(section, "", nil)
			continue
		}
		for option := range options {
			if _, there := is[section][option]; !there {
				s.put(section, option, nil)
			}
		}
	}
	for section, options := range is {
		for option, value := range options {
			if old, there := was[section][option]; !there || old != value {
				s.put(section, option, &value)
			}
		}
	}
	return s
}

// strays takes away the options of was that all does not have.
func strays(was, all ini) settings {
	s := settings{}
	for section, options := range was {
		for option := range options {
			if _, there := all[section][option]; !there {
				s.put(section, option, nil)
			}
		}
	}
	return s
}

func (s settings) put(section, option string, value *string) {
	if s[section] == nil {
		s[section] = map[string]*string{}
	}
	s[section][option] = value
}

// add adds changes; a value is stronger than its removal.
func (s settings) add(more settings) {
	for section, options := range more {
		for option, value := range options {
			if s[section][option] == nil {
				s.put(section, option, value)
			}
		}
	}
}

func (i ini) add(more ini) {
	for section, options := range more {
		if i[section] == nil {
			i[section] = map[string]string{}
		}
		maps.Copy(i[section], options)
	}
}

// iniLine is what a line of an ini file is.
type iniLine struct {
	section string // that it stands in, or begins
	header  bool
	option  string // that it sets, or goes on with
	value   string // of the first line of an option
	more    bool   // it goes on with the option of the line before
	text    string
}

// readINI takes an ini file apart as oslo.config does: "[section]" lines,
// "option = value" or "option: value", and lines that go on with the value
// because they are indented.
func readINI(text string) []iniLine {
	var lines []iniLine
	section, option := "", ""
	for raw := range strings.Lines(text) {
		line := iniLine{section: section, text: raw}
		trimmed := strings.TrimSpace(raw)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case raw[0] == ' ' || raw[0] == '\t':
			line.option, line.more = option, option != ""
		case trimmed[0] == '[' && strings.HasSuffix(trimmed, "]"):
			section, option = strings.TrimSpace(trimmed[1:len(trimmed)-1]), ""
			line.section, line.header = section, true
		default:
			if at := strings.IndexAny(trimmed, "=:"); at > 0 {
				option = strings.TrimSpace(trimmed[:at])
				line.option, line.value = option, strings.TrimSpace(trimmed[at+1:])
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func parseINI(text string) ini {
	out := ini{}
	for _, line := range readINI(text) {
		switch {
		case line.header && out[line.section] == nil:
			out[line.section] = map[string]string{}
		case line.option != "" && !line.more && out[line.section] != nil:
			out[line.section][line.option] = line.value
		}
	}
	return out
}

// apply makes the changes in the text of an ini file. Lines that they do not
// concern keep their bytes. A file without sections is none of ours.
func (s settings) apply(text string) string {
	lines := readINI(text)
	if !slices.ContainsFunc(lines, func(l iniLine) bool { return l.header }) {
		return text
	}
	done := map[string]map[string]bool{}
	var out []iniLine
	for i, line := range lines {
		options := s[line.section]
		if _, whole := options[""]; whole && !headOfNext(lines, i) {
			continue
		}
		value, concerned := options[line.option]
		switch {
		case line.option == "" || !concerned:
			out = append(out, line)
		case value == nil || line.more || done[line.section][line.option]:
		default:
			if done[line.section] == nil {
				done[line.section] = map[string]bool{}
			}
			done[line.section][line.option] = true
			if line.value != *value || i+1 < len(lines) && lines[i+1].more {
				line.text = line.option + " = " + *value + "\n"
			}
			out = append(out, line)
		}
	}
	changed := s.complete(out, done)
	if end := text[len(strings.TrimRight(text, "\n")):]; changed != text {
		changed = strings.TrimRight(changed, "\n") + end
	}
	return changed
}

// headOfNext reports whether line i is a comment, or the blank line before
// one, that stands right above the next section.
func headOfNext(lines []iniLine, i int) bool {
	if lines[i].header || lines[i].option != "" || strings.TrimSpace(lines[i].text) == "" {
		return false
	}
	for _, line := range lines[i:] {
		if trimmed := strings.TrimSpace(line.text); trimmed == "" || trimmed[0] != '#' && trimmed[0] != ';' {
			return line.header
		}
	}
	return false
}

// complete adds the options that are not there, at the end of their sections,
// and those sections that are not there, at the end.
func (s settings) complete(lines []iniLine, done map[string]map[string]bool) string {
	for _, section := range slices.Sorted(maps.Keys(s)) {
		var missing []iniLine
		for _, option := range slices.Sorted(maps.Keys(s[section])) {
			if value := s[section][option]; value != nil && !done[section][option] {
				missing = append(missing, iniLine{section: section, option: option, text: strings.TrimRight(option+" = "+*value, " ") + "\n"})
			}
		}
		if len(missing) == 0 {
			continue
		}
		last := -1
		for i, line := range lines {
			if line.section == section && (line.header || line.option != "") {
				last = i
			}
		}
		if last < 0 {
			missing = append([]iniLine{{text: "\n"}, {section: section, header: true, text: "[" + section + "]\n"}}, missing...)
			last = len(lines) - 1
		}
		if last >= 0 && !strings.HasSuffix(lines[last].text, "\n") {
			lines[last].text += "\n"
		}
		lines = slices.Insert(lines, last+1, missing...)
	}
	var out strings.Builder
	for _, line := range lines {
		out.WriteString(line.text)
	}
	return out.String()
}
