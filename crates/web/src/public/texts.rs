//! The catalogue of texts of the public pages, one language beside the other. `{org}` stands for the organisation's name.

/// Grows when a sentence changes that somebody decides upon; the ledger says which wording was shown.
pub(super) const WORDING: u32 = 2;

pub(super) struct Texts {
    pub lang: &'static str,
    pub title: &'static str,
    pub mail_to: &'static str,
    pub getting: &'static str,
    pub getting_told: &'static str,
    pub silent: &'static str,
    pub silent_own: &'static str,
    pub silent_other: &'static str,
    pub silent_address: &'static str,
    pub turn_to: &'static str,
    pub why: &'static str,
    /// In the order of `body::REASONS`.
    pub reasons: [&'static str; 4],
    pub words: &'static str,
    pub words_help: &'static str,
    pub unsubscribe: &'static str,
    pub refuse_told: &'static str,
    pub refuse: &'static str,
    pub again_told: &'static str,
    pub again: &'static str,
    pub interests: &'static str,
    pub interests_help: &'static str,
    /// `{day}` stands for a date.
    pub interests_known: &'static str,
    pub interests_closed: &'static str,
    pub save: &'static str,
    pub done_interests: &'static str,
    pub done_unsubscribed: &'static str,
    pub done_again: &'static str,
    pub unknown: Error,
    pub unclear: Error,
    pub large: Error,
    pub method: Error,
    pub many: Error,
    pub away: Error,
}

/// Heading and sentence.
#[derive(Clone, Copy)]
pub(super) struct Error(pub &'static str, pub &'static str);

const EN: Texts = Texts {
    lang: "en",
    title: "Mail from {org}",
    mail_to: "Mail to",
    getting: "You get our mail",
    getting_told: "We write to this address whenever one of our mailings is meant for you.",
    silent: "You do not get our mail",
    silent_own: "You unsubscribed. That holds for everything we send, and for this address.",
    silent_other: "Something other than your own choice on this page stands against it.",
    silent_address: "We have no address of yours that mail could reach.",
    turn_to: "To change that, please turn to {org}, for example by answering a mail you have from us.",
    why: "Why? You need not say.",
    reasons: ["Too many mails", "They do not interest me", "I never asked for them", "Another reason"],
    words: "Anything to add?",
    words_help: "At most 500 characters. Please name nobody else.",
    unsubscribe: "Unsubscribe",
    refuse_told: "You can also say yourself that you want no mail. Then it stays so, whatever others decide.",
    refuse: "I want no mail",
    again_told: "Changed your mind?",
    again: "Subscribe again",
    interests: "What interests you",
    interests_help: "Tick what you would like to hear about. It does not change whether you get our mail.",
    interests_known: "As we knew it on {day}.",
    interests_closed: "no longer open to others",
    save: "Save my interests",
    done_interests: "Done: your interests are saved.",
    done_unsubscribed: "Done: you are unsubscribed.",
    done_again: "Done: your unsubscribe is taken back.",
    unknown: Error(
        "This link does not work",
        "It may have been cut on its way. Please open it from the mail itself, or answer that mail and tell us what you wish.",
    ),
    unclear: Error(
        "We did not understand that",
        "Nothing was changed. Please open the link from the mail again and press the button there.",
    ),
    large: Error("That was too much text", "Nothing was changed. Please open the link again and write less."),
    method: Error("That does not work here", "Nothing was changed. Please open the link from the mail in a browser."),
    many: Error("Please wait a minute", "Too many links that do not work came from your network. A link that is right always works."),
    away: Error("Please try again in a moment", "We cannot reach our records just now. Nothing was changed."),
};

const DE: Texts = Texts {
    lang: "de",
    title: "E-Mails von {org}",
    mail_to: "E-Mails an",
    getting: "Sie bekommen unsere E-Mails",
    getting_told: "Wir schreiben an diese Adresse, wenn eine unserer Aussendungen für Sie bestimmt ist.",
    silent: "Sie bekommen unsere E-Mails nicht",
    silent_own: "Sie haben sich abgemeldet. Das gilt für alles, was wir versenden, und für diese Adresse.",
    silent_other: "Dem steht etwas anderes entgegen als Ihre eigene Wahl auf dieser Seite.",
    silent_address: "Wir haben von Ihnen keine Adresse, die E-Mails erreichen.",
    turn_to: "Um das zu ändern, wenden Sie sich bitte an {org}, zum Beispiel mit einer Antwort auf eine E-Mail von uns.",
    why: "Warum? Sie müssen es nicht sagen.",
    reasons: ["Zu viele E-Mails", "Sie interessieren mich nicht", "Ich habe nie darum gebeten", "Ein anderer Grund"],
    words: "Möchten Sie etwas hinzufügen?",
    words_help: "Höchstens 500 Zeichen. Bitte nennen Sie niemand anderen.",
    unsubscribe: "Abmelden",
    refuse_told: "Sie können auch selbst sagen, dass Sie keine E-Mails wollen. Dann bleibt es dabei, was immer andere entscheiden.",
    refuse: "Ich will keine E-Mails",
    again_told: "Haben Sie es sich anders überlegt?",
    again: "Wieder anmelden",
    interests: "Was Sie interessiert",
    interests_help: "Kreuzen Sie an, wovon Sie hören möchten. Ob Sie unsere E-Mails bekommen, ändert sich dadurch nicht.",
    interests_known: "So war es uns am {day} bekannt.",
    interests_closed: "für andere nicht mehr wählbar",
    save: "Meine Interessen speichern",
    done_interests: "Erledigt: Ihre Interessen sind gespeichert.",
    done_unsubscribed: "Erledigt: Sie sind abgemeldet.",
    done_again: "Erledigt: Ihre Abmeldung ist zurückgenommen.",
    unknown: Error(
        "Dieser Link funktioniert nicht",
        "Vielleicht wurde er unterwegs abgeschnitten. Bitte öffnen Sie ihn aus der E-Mail selbst, oder antworten Sie auf diese E-Mail und sagen \
         Sie uns, was Sie wünschen.",
    ),
    unclear: Error(
        "Das haben wir nicht verstanden",
        "Es wurde nichts geändert. Bitte öffnen Sie den Link aus der E-Mail noch einmal und drücken Sie dort den Knopf.",
    ),
    large: Error("Das war zu viel Text", "Es wurde nichts geändert. Bitte öffnen Sie den Link noch einmal und schreiben Sie weniger."),
    method: Error("Das geht hier nicht", "Es wurde nichts geändert. Bitte öffnen Sie den Link aus der E-Mail in einem Browser."),
    many: Error(
        "Bitte warten Sie eine Minute",
        "Aus Ihrem Netz kamen zu viele Links, die nicht funktionieren. Ein richtiger Link funktioniert immer.",
    ),
    away: Error("Bitte versuchen Sie es gleich noch einmal", "Wir erreichen unsere Daten gerade nicht. Es wurde nichts geändert."),
};

/// The first is for everybody whose language is missing.
const ALL: [&Texts; 2] = [&EN, &DE];

/// The language that a reader likes best among those there are.
pub(super) fn choose(accept_language: &str) -> &'static Texts {
    let mut best = (0.0, ALL[0]);
    for wish in accept_language.split(',').take(20) {
        let (tag, rest) = wish.split_once(';').unwrap_or((wish, ""));
        let weight = rest.trim().strip_prefix("q=").map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
        let primary = tag.trim().split('-').next().unwrap_or_default();
        let found = ALL.into_iter().find(|t| t.lang.eq_ignore_ascii_case(primary));
        if let Some(texts) = found.filter(|_| weight > best.0 && weight <= 1.0) {
            best = (weight, texts);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_liked_best_is_chosen() {
        for (asked, lang) in [
            ("", "en"),
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("fr, de;q=0.5, en;q=0.7", "en"),
            ("fr;q=1, DE;q=0.2", "de"),
            ("en;q=0, de;q=0.1", "de"),
            ("fr, *", "en"),
            ("de;q=nonsense, en;q=0.1", "en"),
            (",,;q=;;", "en"),
        ] {
            assert_eq!(choose(asked).lang, lang, "{asked}");
        }
    }
}
