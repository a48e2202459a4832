/*
  Rialto: set-up script for Personify360 (SQL Server, T-SQL).

  Run it once on the Personify database, as a user that may create views and procedures. Running it again is harmless: it
  replaces what it made. It changes no table, except that the last part adds activity codes that are missing.

  What it makes:
    usr_Rialto_ListView         the marketing lists that Rialto may see
    usr_Rialto_MemberView       who is on which list
    usr_Rialto_PersonView       the personalization view: one row per customer, the columns mailings may use
    usr_Rialto_InterestView     the interests that people may choose in Rialto: opt-in areas and demographic codes
    usr_Rialto_ChoiceView       who has chosen which
    usr_Rialto_Lists            procedure: the lists with their sizes
    usr_Rialto_Fields           procedure: the columns of the personalization view
    usr_Rialto_ListMembers      procedure: the people of a list, page by page
    usr_Rialto_Activities       procedure: the activities of a person that Rialto wrote
    usr_Rialto_Codes            procedure: the activity codes that exist
    usr_Rialto_Interests        procedure: the interests
    usr_Rialto_InterestsOf      procedure: the interests of a person
    usr_Rialto_InterestMembers  procedure: the people of an interest, page by page

  Adapt the five views to your installation: places marked ADAPT. The procedures need no change. Then expose the
  procedures to the data services user (last part), and test the bridge in Rialto.
*/

-- ---------------------------------------------------------------------------------------------------------------------
-- Views
-- ---------------------------------------------------------------------------------------------------------------------

-- ADAPT: where your marketing lists are defined. One row per list.
CREATE OR ALTER VIEW dbo.usr_Rialto_ListView AS
SELECT
    L.LIST_CODE,                                            -- up to 24 characters, never changes
    L.LIST_NAME,
    L.DESCRIPTION,
    ISNULL(L.ACTIVE_FLAG, 'N')                  AS ACTIVE_FLAG,             -- Y or N
    L.REGENERATION_FREQUENCY,
    L.LAST_REFRESHED,                                       -- when the members were last selected, in UTC
    L.MODIFIED_ON                                           -- when the definition was last changed, in UTC
FROM dbo.USR_MKT_LIST AS L;
GO

-- ADAPT: who is on which list. One row per list and customer.
CREATE OR ALTER VIEW dbo.usr_Rialto_MemberView AS
SELECT M.LIST_CODE, M.MASTER_CUSTOMER_ID, M.SUB_CUSTOMER_ID
FROM dbo.USR_MKT_LIST_MEMBER AS M;
GO

-- ADAPT: the columns that mailings may use, after the two ids. Every column becomes a personalization field in Rialto; its
-- name is its key there, so rename columns with care.
CREATE OR ALTER VIEW dbo.usr_Rialto_PersonView AS
SELECT
    C.MASTER_CUSTOMER_ID,
    C.SUB_CUSTOMER_ID,
    C.FIRST_NAME,
    C.LAST_NAME,
    C.LABEL_NAME,
    C.JOB_TITLE,
    C.COMPANY_NAME,
    A.CITY,
    A.STATE,
    A.COUNTRY_CODE,
    P.MEMBER_SINCE,                                         -- datetime
    CAST(P.MEMBER_FLAG AS bit)                  AS MEMBER_FLAG,
    P.MEMBER_NUMBER,                                        -- int
    P.DUES_BALANCE                                          -- decimal
FROM dbo.CUSTOMER AS C
LEFT JOIN dbo.USR_PRIMARY_ADDRESS AS A
       ON A.MASTER_CUSTOMER_ID = C.MASTER_CUSTOMER_ID AND A.SUB_CUSTOMER_ID = C.SUB_CUSTOMER_ID
LEFT JOIN dbo.USR_MEMBERSHIP AS P
       ON P.MASTER_CUSTOMER_ID = C.MASTER_CUSTOMER_ID AND P.SUB_CUSTOMER_ID = C.SUB_CUSTOMER_ID;
GO

-- ADAPT: the interests. SOURCE is area for opt-in interest areas, demographic for demographic codes; an area has no SUBCODE.
-- Remove the second part if your members are not to choose demographics. Inactive ones are shown to those who have them only.
CREATE OR ALTER VIEW dbo.usr_Rialto_InterestView AS
SELECT
    'area'                                      AS SOURCE,
    A.CODE                                      AS CODE,
    CAST('' AS varchar(24))                     AS SUBCODE,
    A.DESCR                                     AS NAME,
    ISNULL(A.ACTIVE_FLAG, 'N')                  AS ACTIVE_FLAG
FROM dbo.APP_CODE AS A
WHERE A.SUBSYSTEM = 'CUS' AND A.TYPE = 'OPT_IN_INTEREST_AREA'
UNION ALL
SELECT 'demographic', S.CODE, S.SUBCODE, S.DESCR, ISNULL(S.ACTIVE_FLAG, 'N')
FROM dbo.APP_SUBCODE AS S
WHERE S.SUBSYSTEM = 'CUS' AND S.TYPE = 'DEMOGRAPHIC';
GO

-- ADAPT: who has chosen which. One row per customer and interest; no row for an area that was opted out of.
CREATE OR ALTER VIEW dbo.usr_Rialto_ChoiceView AS
SELECT
    O.MASTER_CUSTOMER_ID,
    O.SUB_CUSTOMER_ID,
    'area'                                      AS SOURCE,
    O.OPT_IN_CODE                               AS CODE,
    CAST('' AS varchar(24))                     AS SUBCODE
FROM dbo.CUS_OPT_IN AS O
WHERE O.OPT_IN_FLAG = 'Y'
UNION ALL
SELECT D.MASTER_CUSTOMER_ID, D.SUB_CUSTOMER_ID, 'demographic', D.DEMOGRAPHIC_CODE, D.DEMOGRAPHIC_SUBCODE
FROM dbo.CUS_DEMOGRAPHIC AS D;
GO

-- ---------------------------------------------------------------------------------------------------------------------
-- Procedures
-- ---------------------------------------------------------------------------------------------------------------------

-- All lists. MEMBER_COUNT is what Rialto checks its own count against: it must count exactly the rows that
-- usr_Rialto_ListMembers returns.
CREATE OR ALTER PROCEDURE dbo.usr_Rialto_Lists
AS
BEGIN
    SET NOCOUNT ON;
    SELECT
        L.LIST_CODE,
        L.LIST_NAME,
        L.DESCRIPTION,
        L.ACTIVE_FLAG,
        L.REGENERATION_FREQUENCY,
        CONVERT(varchar(33), L.LAST_REFRESHED, 126) + 'Z'   AS LAST_REFRESHED,
        CONVERT(varchar(33), L.MODIFIED_ON, 126) + 'Z'      AS MODIFIED_ON,
        (SELECT COUNT_BIG(*)
           FROM dbo.usr_Rialto_MemberView AS M
           JOIN dbo.CUSTOMER AS C
             ON C.MASTER_CUSTOMER_ID = M.MASTER_CUSTOMER_ID AND C.SUB_CUSTOMER_ID = M.SUB_CUSTOMER_ID
          WHERE M.LIST_CODE = L.LIST_CODE)                  AS MEMBER_COUNT
    FROM dbo.usr_Rialto_ListView AS L
    ORDER BY L.LIST_CODE;
END;
GO

-- The columns of the personalization view. LENGTH is in characters for texts, in bytes otherwise.
CREATE OR ALTER PROCEDURE dbo.usr_Rialto_Fields
AS
BEGIN
    SET NOCOUNT ON;
    SELECT
        COLS.COLUMN_NAME,
        CASE
            WHEN COLS.DATA_TYPE IN ('int', 'bigint', 'smallint', 'tinyint')                     THEN 'int'
            WHEN COLS.DATA_TYPE IN ('decimal', 'numeric', 'money', 'smallmoney', 'float', 'real') THEN 'decimal'
            WHEN COLS.DATA_TYPE IN ('datetime', 'datetime2', 'smalldatetime', 'date')           THEN 'datetime'
            WHEN COLS.DATA_TYPE = 'bit'                                                         THEN 'bit'
            ELSE 'varchar'
        END                                                 AS DATA_TYPE,
        ISNULL(COLS.CHARACTER_MAXIMUM_LENGTH, 0)            AS LENGTH,
        UPPER(LEFT(COLS.COLUMN_NAME, 1))
            + LOWER(REPLACE(SUBSTRING(COLS.COLUMN_NAME, 2, 127), '_', ' ')) AS LABEL
    FROM INFORMATION_SCHEMA.COLUMNS AS COLS
    WHERE COLS.TABLE_SCHEMA = 'dbo'
      AND COLS.TABLE_NAME = 'usr_Rialto_PersonView'
      AND COLS.COLUMN_NAME NOT IN ('MASTER_CUSTOMER_ID', 'SUB_CUSTOMER_ID')
    ORDER BY COLS.ORDINAL_POSITION;
END;
GO

-- The people of a list: at most @Rows of them after the person (@AfterMaster, @AfterSub), in the order of the two ids. The
-- first call has both empty; after the last person there are no rows. The flags are never null: what is unknown is N. Nor is the
-- address: the data service leaves out nulls, and a blank tells Rialto that the column is there. Do the same for a column below
-- (ISNULL(V.CITY, '') AS CITY) if its values are to be cleared in Rialto also on lists where nobody has one.
CREATE OR ALTER PROCEDURE dbo.usr_Rialto_ListMembers
    @ListCode    varchar(24),
    @AfterMaster varchar(24) = '',
    @AfterSub    varchar(11) = '',
    @Rows        int = 5000
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @Sub int = TRY_CONVERT(int, NULLIF(@AfterSub, ''));
    SELECT TOP (@Rows)
        C.MASTER_CUSTOMER_ID,
        C.SUB_CUSTOMER_ID,
        ISNULL(C.PRIMARY_EMAIL_ADDRESS, '')                 AS PRIMARY_EMAIL_ADDRESS,
        ISNULL(C.ALLOW_EMAIL_FLAG, 'N')                     AS ALLOW_EMAIL_FLAG,
        ISNULL(C.ALLOW_SOLICITATION_FLAG, 'N')              AS ALLOW_SOLICITATION_FLAG,
        -- ADAPT: the same columns as in the personalization view.
        V.FIRST_NAME, V.LAST_NAME, V.LABEL_NAME, V.JOB_TITLE, V.COMPANY_NAME, V.CITY, V.STATE, V.COUNTRY_CODE,
        V.MEMBER_SINCE, V.MEMBER_FLAG, V.MEMBER_NUMBER, V.DUES_BALANCE
    FROM dbo.usr_Rialto_MemberView AS M
    JOIN dbo.CUSTOMER AS C
      ON C.MASTER_CUSTOMER_ID = M.MASTER_CUSTOMER_ID AND C.SUB_CUSTOMER_ID = M.SUB_CUSTOMER_ID
    JOIN dbo.usr_Rialto_PersonView AS V
      ON V.MASTER_CUSTOMER_ID = M.MASTER_CUSTOMER_ID AND V.SUB_CUSTOMER_ID = M.SUB_CUSTOMER_ID
    WHERE M.LIST_CODE = @ListCode
      AND (@AfterMaster = ''
           OR C.MASTER_CUSTOMER_ID > @AfterMaster
           OR (C.MASTER_CUSTOMER_ID = @AfterMaster AND C.SUB_CUSTOMER_ID > ISNULL(@Sub, -1)))
    ORDER BY C.MASTER_CUSTOMER_ID, C.SUB_CUSTOMER_ID
    OPTION (RECOMPILE);
END;
GO

-- The activities that Rialto wrote for a person: read before a writeback is tried again.
CREATE OR ALTER PROCEDURE dbo.usr_Rialto_Activities
    @MasterCustomerId varchar(24),
    @SubCustomerId    int = 0
AS
BEGIN
    SET NOCOUNT ON;
    SELECT
        A.CUS_ACTIVITY_ID                                   AS ACTIVITY_ID,
        A.ACTIVITY_CODE,
        CONVERT(varchar(33), A.ACTIVITY_DATE, 126)          AS ACTIVITY_DATE,
        A.ACTIVITY_TEXT
    FROM dbo.CUS_ACTIVITY AS A
    WHERE A.MASTER_CUSTOMER_ID = @MasterCustomerId
      AND A.SUB_CUSTOMER_ID = @SubCustomerId
      AND A.ACTIVITY_CODE LIKE 'RIALTO[_]%'
    ORDER BY A.CUS_ACTIVITY_ID;
END;
GO

-- The interests that there are. MEMBER_COUNT must count exactly the rows that usr_Rialto_InterestMembers returns.
CREATE OR ALTER PROCEDURE dbo.usr_Rialto_Interests
AS
BEGIN
    SET NOCOUNT ON;
    SELECT I.SOURCE, I.CODE, I.SUBCODE, I.NAME, I.ACTIVE_FLAG,
        (SELECT COUNT_BIG(*)
           FROM dbo.usr_Rialto_ChoiceView AS H
           JOIN dbo.CUSTOMER AS C
             ON C.MASTER_CUSTOMER_ID = H.MASTER_CUSTOMER_ID AND C.SUB_CUSTOMER_ID = H.SUB_CUSTOMER_ID
          WHERE H.SOURCE = I.SOURCE AND H.CODE = I.CODE AND H.SUBCODE = I.SUBCODE) AS MEMBER_COUNT
    FROM dbo.usr_Rialto_InterestView AS I
    ORDER BY I.SOURCE, I.CODE, I.SUBCODE;
END;
GO

-- The interests that a person has now.
CREATE OR ALTER PROCEDURE dbo.usr_Rialto_InterestsOf
    @MasterCustomerId varchar(24),
    @SubCustomerId    int = 0
AS
BEGIN
    SET NOCOUNT ON;
    SELECT C.SOURCE, C.CODE, C.SUBCODE
    FROM dbo.usr_Rialto_ChoiceView AS C
    WHERE C.MASTER_CUSTOMER_ID = @MasterCustomerId
      AND C.SUB_CUSTOMER_ID = @SubCustomerId
    ORDER BY C.SOURCE, C.CODE, C.SUBCODE;
END;
GO

-- The people who have an interest, as usr_Rialto_ListMembers gives those of a list.
CREATE OR ALTER PROCEDURE dbo.usr_Rialto_InterestMembers
    @Source      varchar(24),
    @Code        varchar(24),
    @Subcode     varchar(24) = '',
    @AfterMaster varchar(24) = '',
    @AfterSub    varchar(11) = '',
    @Rows        int = 5000
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @Sub int = TRY_CONVERT(int, NULLIF(@AfterSub, ''));
    SELECT TOP (@Rows)
        C.MASTER_CUSTOMER_ID,
        C.SUB_CUSTOMER_ID,
        ISNULL(C.PRIMARY_EMAIL_ADDRESS, '')                 AS PRIMARY_EMAIL_ADDRESS,
        ISNULL(C.ALLOW_EMAIL_FLAG, 'N')                     AS ALLOW_EMAIL_FLAG,
        ISNULL(C.ALLOW_SOLICITATION_FLAG, 'N')              AS ALLOW_SOLICITATION_FLAG,
        -- ADAPT: the same columns as in the personalization view.
        V.FIRST_NAME, V.LAST_NAME, V.LABEL_NAME, V.JOB_TITLE, V.COMPANY_NAME, V.CITY, V.STATE, V.COUNTRY_CODE,
        V.MEMBER_SINCE, V.MEMBER_FLAG, V.MEMBER_NUMBER, V.DUES_BALANCE
    FROM dbo.usr_Rialto_ChoiceView AS M
    JOIN dbo.CUSTOMER AS C
      ON C.MASTER_CUSTOMER_ID = M.MASTER_CUSTOMER_ID AND C.SUB_CUSTOMER_ID = M.SUB_CUSTOMER_ID
    JOIN dbo.usr_Rialto_PersonView AS V
      ON V.MASTER_CUSTOMER_ID = M.MASTER_CUSTOMER_ID AND V.SUB_CUSTOMER_ID = M.SUB_CUSTOMER_ID
    WHERE M.SOURCE = @Source AND M.CODE = @Code AND M.SUBCODE = @Subcode
      AND (@AfterMaster = ''
           OR C.MASTER_CUSTOMER_ID > @AfterMaster
           OR (C.MASTER_CUSTOMER_ID = @AfterMaster AND C.SUB_CUSTOMER_ID > ISNULL(@Sub, -1)))
    ORDER BY C.MASTER_CUSTOMER_ID, C.SUB_CUSTOMER_ID
    OPTION (RECOMPILE);
END;
GO

-- The activity codes that exist. They are values of the system type CUS / ACTIVITY; OPTION_1 stays empty, so that they are system
-- activities and no contact tracking.
CREATE OR ALTER PROCEDURE dbo.usr_Rialto_Codes
AS
BEGIN
    SET NOCOUNT ON;
    SELECT A.CODE, A.DESCR AS DESCRIPTION
    FROM dbo.APP_CODE AS A
    WHERE A.SUBSYSTEM = 'CUS' AND A.TYPE = 'ACTIVITY' AND A.ACTIVE_FLAG = 'Y'
    ORDER BY A.CODE;
END;
GO

-- ---------------------------------------------------------------------------------------------------------------------
-- Activity codes for writebacks. You can also add them on the code screen and leave this part out.
-- ---------------------------------------------------------------------------------------------------------------------

INSERT INTO dbo.APP_CODE (SUBSYSTEM, TYPE, CODE, DESCR, ACTIVE_FLAG)
SELECT 'CUS', 'ACTIVITY', N.CODE, N.DESCR, 'Y'
FROM (VALUES
    ('RIALTO_UNSUB',    'Unsubscribed from mailings'),
    ('RIALTO_RESUB',    'Subscribed to mailings again'),
    ('RIALTO_BADEMAIL', 'E-mail address does not work'),
    ('RIALTO_MAILING',  'Mailing sent'),
    ('RIALTO_INTEREST', 'Interest told')
) AS N (CODE, DESCR)
WHERE NOT EXISTS (SELECT 1 FROM dbo.APP_CODE AS A WHERE A.SUBSYSTEM = 'CUS' AND A.TYPE = 'ACTIVITY' AND A.CODE = N.CODE);
GO

-- ---------------------------------------------------------------------------------------------------------------------
-- Permissions. ADAPT: the database user of the data services.
-- ---------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON dbo.usr_Rialto_Lists       TO PersonifyDataServices;
GRANT EXECUTE ON dbo.usr_Rialto_Fields      TO PersonifyDataServices;
GRANT EXECUTE ON dbo.usr_Rialto_ListMembers TO PersonifyDataServices;
GRANT EXECUTE ON dbo.usr_Rialto_Activities  TO PersonifyDataServices;
GRANT EXECUTE ON dbo.usr_Rialto_Codes       TO PersonifyDataServices;
GRANT EXECUTE ON dbo.usr_Rialto_Interests   TO PersonifyDataServices;
GRANT EXECUTE ON dbo.usr_Rialto_InterestsOf TO PersonifyDataServices;
GRANT EXECUTE ON dbo.usr_Rialto_InterestMembers TO PersonifyDataServices;
GO
