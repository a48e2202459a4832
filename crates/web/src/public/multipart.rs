//! `multipart/form-data` as mail programs send it for a one-click unsubscribe: a few short fields, held in memory already.

/// The boundary that a content type names.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = parameters.split(';').filter_map(|p| p.split_once('='));
    let (_, value) = named.into_iter().find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"))?;
    let value = value.trim().trim_matches('"');
    (1..=70).contains(&value.len()).then_some(value)
}

/// Names and values of the fields; files and what cannot be read are left out.
pub(super) fn fields(body: &str, boundary: &str) -> Vec<(String, String)> {
    let mark = format!("\n--{boundary}");
    // A boundary stands at the beginning of a line.
    let body = format!("\n{}", body.replace("\r\n", "\n"));
    let parts = body.split(&mark).skip(1).take_while(|part| !part.starts_with("--"));
    parts.filter_map(field).collect()
}

fn field(part: &str) -> Option<(String, String)> {
    let (head, value) = part.split_once("\n\n")?;
    let line = head.lines().find(|l| l.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let parameters: Vec<&str> = line.split(';').map(str::trim).collect();
    if parameters.iter().any(|p| p.to_ascii_lowercase().starts_with("filename")) {
        return None;
    }
    let name = parameters.iter().find_map(|p| p.split_once('=').filter(|(n, _)| n.trim().eq_ignore_ascii_case("name")))?.1;
    Some((name.trim().trim_matches('"').to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_programs_write_them() {
        let body = "--b1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b1\r\nContent-Type: text/plain\r\n\
                    content-disposition: form-data; name=words\r\n\r\ntwo\r\nlines --b1\r\n--b1\r\nContent-Disposition: form-data; name=\"f\"; \
                    filename=\"x\"\r\n\r\nno\r\n--b1--\r\nbehind";
        let expected = [("List-Unsubscribe", "One-Click"), ("words", "two\nlines --b1")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(fields(body, boundary("multipart/form-data; boundary=\"b1\"").unwrap()), expected);
        assert_eq!(fields(&body.replace("\r\n", "\n"), "b1"), expected);
    }

    #[test]
    fn what_is_no_form_gives_nothing() {
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary("multipart/mixed; boundary=x"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
        for body in [
            "",
            "--b1",
            "--b1--",
            "--b1\n\nno head",
            "--b1\nContent-Disposition: form-data\n\nno name\n--b1--",
            "List-Unsubscribe=One-Click",
        ] {
            assert_eq!(fields(body, "b1"), [], "{body}");
        }
    }
}
