package config

import (
	"fmt"
	"regexp"
	"strings"
)

// variableName is what may stand between ${ and }.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces ${NAME} by the variable, or by the contents of the file that NAME_FILE names, and ${file:PATH} by the
// contents of a file. $${ stands for ${ itself. It works on values after the YAML was read, so that nothing that a
// variable holds is read as YAML. Errors name variables and files, never values.
func (s *Source) expand(value string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(value, "${")
		if !found {
			b.WriteString(value)
			return b.String(), nil
		}
		if literal, ok := strings.CutSuffix(before, "$"); ok {
			b.WriteString(literal + "${")
			value = rest
			continue
		}
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("holds ${ without }; close it, or write $${ for the characters themselves")
		}
		resolved, err := s.resolve(name)
		if err != nil {
			return "", err
		}
		b.WriteString(resolved)
		value = after
	}
}

func (s *Source) resolve(name string) (string, error) {
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		return s.secretFile(path)
	}
	if !variableName.MatchString(name) {
		return "", fmt.Errorf("holds ${…} with something that is no variable; write ${NAME} or ${file:PATH}")
	}
	value, ok, err := s.lookup(name)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", fmt.Errorf("variable %s is not set; set it, or set %s_FILE to a file that holds the value", name, name)
	}
	return value, nil
}

// lookup is a variable's value, or the contents of the file that the variable with _FILE names.
func (s *Source) lookup(name string) (string, bool, error) {
	if value, ok := s.LookupEnv(name); ok {
		return value, true, nil
	}
	path, ok := s.LookupEnv(name + "_FILE")
	if !ok {
		return "", false, nil
	}
	value, err := s.secretFile(path)
	if err != nil {
		return "", false, fmt.Errorf("variable %s_FILE: %w", name, err)
	}
	return value, true, nil
}

// secretFile is a file's contents without line breaks at the end, as editors and echo leave them.
func (s *Source) secretFile(path string) (string, error) {
	b, err := s.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot read a value from a file: %w; check the path and who may read it", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
