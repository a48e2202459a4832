// A stream connection, a list and its extension, made through the API, and events as a loyalty system sends them.

/** Answers `{list, extension, stream, api, send, rows}` of the business unit `/club/west`. */
export async function makeClub(page, demo) {
  await page.goto('/settings/tokens/new');
  await page.getByLabel('Name', { exact: true }).fill('Club');
  await page.getByLabel('Role').selectOption('admin');
  await page.getByRole('button', { name: 'Make the token' }).click();
  const token = await page.getByLabel('Token of Club').inputValue();

  const api = async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${demo.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };

  const key = { name: 'Club ID', type: 'text', length: 20 };
  const tier = { name: 'Tier', type: 'text', length: 10 };
  const email = { name: 'Email', type: 'text', length: 100 };
  const list = (await api('POST', '/audience-lists', { name: 'Club', folder: 'Club', fields: [key, tier, email] })).id;
  const more = [{ name: 'Points', type: 'integer' }, { name: 'Since', type: 'date' }];
  const extension = (await api('POST', `/audience-lists/${list}/extensions`, { name: 'Club profile', scope: 'CLUB', folder: 'Club', fields: [key, tier, email, ...more] })).id;
  const stream = (await api('POST', '/streams', { name: 'Club', sources: ['/club/west'] })).id;

  /** One event of a member. */
  const send = (subject, sequence, attributes, points) => api('POST', `/streams/${stream}/events`, [{
    specversion: '1.0', type: 'profile.upserted', source: '/club/west', subject, id: `${subject}-${sequence}`, sequence,
    data: { profileAltId: subject, attributes, metrics: { points } },
  }]);

  /** Rows of a list or extension: `{key, values}`. */
  const rows = async (id) => (await api('GET', `/audience-lists/${id}/rows?limit=50`)).items;
  return { list, extension, stream, api, send, rows };
}
