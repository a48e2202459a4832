//! What a mail is made of. So far: personalization of its texts. It knows neither the database nor the web.

pub mod personalize;
