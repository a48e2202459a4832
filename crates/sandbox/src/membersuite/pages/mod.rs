use crate::membersuite::sandbox::Sandbox;
pub(crate) fn router() -> axum::Router<Sandbox> {
    axum::Router::new()
}
